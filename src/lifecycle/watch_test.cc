// Watching a repository: what counts as settled, what inotify sees, what the manager makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "lifecycle/inotify_tree.h"
#include "lifecycle/repository_watcher.h"
#include "lifecycle/retry_schedule.h"
#include "lifecycle/settle_tracker.h"
#include "lifecycle/testing/manager_fixture.h"

namespace slipway::lifecycle {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A listing with model "m"; each version's content is a number that goes into its stamp.
SourceListing Listing(const std::map<int64_t, uint64_t>& contents, int64_t changed_ns = 0) {
  SourceListing listing;
  SourceModel model{.name = "m"};
  for (const auto& [version, content] : contents) {
    model.versions.push_back(
        {.version = version,
         .stamps = {{.name = "model.onnx", .size_bytes = content, .modified_ns = 0, .inode = 0}},
         .changed_ns = changed_ns});
  }
  listing.models.push_back(std::move(model));
  return listing;
}

class SettleTrackerTest : public testing::Test {
 protected:
  // What is believed of "m" after `step`: version to content.
  std::map<int64_t, uint64_t> See(std::chrono::nanoseconds step, SourceListing listing) {
    clock_.Advance(step);
    std::map<int64_t, uint64_t> believed;
    const SettleTracker::Span when{
        .began = clock_.SteadyNow(), .ended = clock_.SteadyNow(), .today = clock_.SystemNow()};
    for (const SourceModel& model : tracker_.Update(std::move(listing), when).models) {
      for (const AvailableVersion& version : model.versions) {
        believed[version.version] = version.stamps[0].size_bytes;
      }
    }
    return believed;
  }
  using Map = std::map<int64_t, uint64_t>;

  base::FakeClock clock_;
  SettleTracker tracker_{1s};
};

TEST_F(SettleTrackerTest, OldFilesCountAtOnceInTheFirstListing) {
  EXPECT_EQ(See(0s, Listing({{1, 7}})), (Map{{1, 7}}));
  EXPECT_FALSE(tracker_.unsettled());
}

TEST_F(SettleTrackerTest, FreshFilesWaitInTheFirstListingToo) {
  const auto now = clock_.SystemNow().time_since_epoch();
  const SourceListing fresh = Listing({{1, 7}}, (now - 500ms).count());
  EXPECT_EQ(See(0s, fresh), Map());
  EXPECT_TRUE(tracker_.unsettled());
  EXPECT_EQ(See(1s, fresh), (Map{{1, 7}}));
}

TEST_F(SettleTrackerTest, ANewVersionWaitsUntilItStaysTheSame) {
  See(0s, Listing({{1, 7}}));
  EXPECT_EQ(See(1s, Listing({{1, 7}, {2, 1}})), (Map{{1, 7}}));
  EXPECT_EQ(See(900ms, Listing({{1, 7}, {2, 2}})), (Map{{1, 7}}));  // still grows
  EXPECT_EQ(See(900ms, Listing({{1, 7}, {2, 2}})), (Map{{1, 7}}));
  EXPECT_EQ(See(100ms, Listing({{1, 7}, {2, 2}})), (Map{{1, 7}, {2, 2}}));
  EXPECT_FALSE(tracker_.unsettled());
}

TEST_F(SettleTrackerTest, ARewrittenVersionStaysAsItWasUntilItSettles) {
  See(0s, Listing({{1, 7}}));
  EXPECT_EQ(See(1s, Listing({{1, 8}})), (Map{{1, 7}}));
  EXPECT_EQ(See(1s, Listing({{1, 8}})), (Map{{1, 8}}));
}

TEST_F(SettleTrackerTest, AVersionThatIsGoneForAMomentWasNeverGone) {
  See(0s, Listing({{1, 7}}));
  EXPECT_EQ(See(1s, Listing({})), (Map{{1, 7}}));
  EXPECT_EQ(See(500ms, Listing({{1, 8}})), (Map{{1, 7}}));
  EXPECT_EQ(See(1s, Listing({{1, 8}})), (Map{{1, 8}}));
}

TEST_F(SettleTrackerTest, AVersionThatStaysAwayIsGone) {
  See(0s, Listing({{1, 7}}));
  EXPECT_EQ(See(1s, SourceListing()), (Map{{1, 7}}));
  EXPECT_EQ(See(1s, SourceListing()), Map());
  EXPECT_FALSE(tracker_.unsettled());
}

TEST(RetryScheduleTest, RetriesWhatMayPassThreeTimesAndThenNoMore) {
  RetrySchedule schedule({});
  const ModelId id{.name = "m", .version = 1};
  base::SteadyTime now{1h};
  for (const auto delay : {1s, 5s, 30s}) {
    schedule.Failed(id, {}, base::Unavailable("later"), now);
    EXPECT_TRUE(schedule.Known(id, {}));
    EXPECT_THAT(schedule.TakeDue(now + delay - 1ms), IsEmpty());
    now += delay;
    EXPECT_THAT(schedule.TakeDue(now), ElementsAre(id));
    EXPECT_THAT(schedule.TakeDue(now), IsEmpty());
  }
  schedule.Failed(id, {}, base::Unavailable("later"), now);
  EXPECT_THAT(schedule.TakeDue(now + 24h), IsEmpty());
  // Other files are another story, and so is another configuration.
  EXPECT_FALSE(schedule.Known(id, {.stamps = {{.name = "model.onnx", .modified_ns = 1}}}));
  EXPECT_FALSE(schedule.Known(id, {.config = {.warmup_runs = 1}}));
}

TEST(RetryScheduleTest, LeavesWhatCannotPassAlone) {
  RetrySchedule schedule({});
  const ModelId id{.name = "m", .version = 1};
  schedule.Failed(id, {}, base::InvalidArgument("not a model"), base::SteadyTime{1h});
  EXPECT_THAT(schedule.TakeDue(base::SteadyTime{24h}), IsEmpty());
  EXPECT_TRUE(schedule.Known(id, {}));
  schedule.Keep("m", {2});
  EXPECT_FALSE(schedule.Known(id, {}));
}

TEST(RetryScheduleTest, MemoryThatCameBackIsAReasonToTryAgain) {
  RetrySchedule schedule({.delays = {}});
  const ModelId id{.name = "m", .version = 1};
  schedule.Failed(id, {}, base::ResourceExhausted("too big"), base::SteadyTime{1h});
  EXPECT_THAT(schedule.TakeDue(base::SteadyTime{24h}), IsEmpty());
  schedule.MemoryFreed(base::SteadyTime{25h});
  EXPECT_THAT(schedule.TakeDue(base::SteadyTime{25h}), ElementsAre(id));
}

TEST(InotifyTreeTest, NoticesChangesInItsDirectories) {
  const base::TemporaryDirectory directory;
  const std::vector<std::filesystem::path> watched = {directory.path(), directory.path() / "gone"};
  base::Result<InotifyTree> tree = InotifyTree::Create();
  if (!tree.ok()) GTEST_SKIP() << tree.status();
  ASSERT_TRUE(tree->Watch(watched).ok());
  EXPECT_TRUE(tree->TakeChanged());  // newly watched: look once more
  ASSERT_TRUE(tree->Watch(watched).ok());
  EXPECT_FALSE(tree->TakeChanged());
  std::ofstream(directory.path() / "file") << "x";
  EXPECT_TRUE(tree->TakeChanged());
  EXPECT_FALSE(tree->TakeChanged());
  std::filesystem::rename(directory.path() / "file", directory.path() / "other");
  EXPECT_TRUE(tree->TakeChanged());
  ASSERT_TRUE(tree->Watch({}).ok());
  tree->TakeChanged();
  std::ofstream(directory.path() / "file") << "x";
  EXPECT_FALSE(tree->TakeChanged());
}

class WatchTest : public ManagerFixture {
 protected:
  void StartWatching(ManagerOptions options = {}) {
    options.mode = ControlMode::kWatch;
    if (options.memory_budget_bytes == 0) options.memory_budget_bytes = 1'000'000;
    Make(std::move(options));
    ASSERT_TRUE(manager_->Start().ok());
    ASSERT_TRUE(Passing([this] { return manager_->AllInitialLoadsDone(); }));
  }
  // Lets the fake clock run until the condition holds.
  bool Passing(const std::function<bool()>& condition) {
    return Eventually([&] {
      clock_.Advance(100ms);
      return condition();
    });
  }
  bool Becomes(const std::string& name, const std::vector<int64_t>& versions) {
    return Passing([&] { return Ready(name) == versions; });
  }
  // Long enough for anything that would happen to happen.
  void LetSettle() {
    for (int i = 0; i < 60; ++i) {
      clock_.Advance(100ms);
      std::this_thread::sleep_for(1ms);
    }
  }
};

TEST_F(WatchTest, FollowsTheRepository) {
  Write("m/1/model.onnx", "one");
  StartWatching();
  EXPECT_TRUE(Becomes("m", {1}));
  Write("m/2/model.onnx", "two");
  EXPECT_TRUE(Becomes("m", {2}));
  Write("n/1/model.onnx", "another");
  EXPECT_TRUE(Becomes("n", {1}));
  Remove("m/2");
  EXPECT_TRUE(Becomes("m", {1}));
  Remove("m");
  EXPECT_TRUE(Becomes("m", {}));
  EXPECT_THAT(Ready("n"), ElementsAre(1));
  EXPECT_TRUE(Passing([this] { return factory_.live() == 1; }));
}

TEST_F(WatchTest, IsNotReadyBeforeFreshFilesHaveSettled) {
  Write("fresh/1/model.onnx", "ok");  // now is the far future to a clock in 1970: surely not old
  Make({.mode = ControlMode::kWatch, .memory_budget_bytes = 1'000'000});
  ASSERT_TRUE(manager_->Start().ok());
  clock_.Advance(300ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(manager_->AllInitialLoadsDone());
  EXPECT_TRUE(Passing([this] { return manager_->AllInitialLoadsDone(); }));
  EXPECT_THAT(Ready("fresh"), ElementsAre(1));
}

TEST_F(WatchTest, WorksWithoutInotify) {
  StartWatching({.watch = {.use_inotify = false}});
  Write("m/1/model.onnx", "one");
  EXPECT_TRUE(Becomes("m", {1}));
}

TEST_F(WatchTest, ReloadsAVersionWhoseFilesWereReplaced) {
  Write("m/1/model.onnx", "one");
  StartWatching();
  ASSERT_TRUE(Becomes("m", {1}));
  const std::string digest = StatusOf("m", 1).digest;
  Write("staging/model.onnx", "another one");
  std::filesystem::rename(directory_.path() / "staging/model.onnx",
                          directory_.path() / "m/1/model.onnx");
  EXPECT_TRUE(Passing([&] { return StatusOf("m", 1).digest != digest; }));
  EXPECT_THAT(Ready("m"), ElementsAre(1));
}

TEST_F(WatchTest, ReloadsAModelWhoseConfigurationChanged) {
  Write("m/1/model.onnx", "one");
  StartWatching();
  ASSERT_TRUE(Becomes("m", {1}));
  SetConfig({.run_settings = "objective: 20ms"});
  manager_->ConfigsChanged();
  EXPECT_TRUE(Passing([&] {
    EXPECT_THAT(Ready("m"), ElementsAre(1));
    return publisher_.Current()->Find("m")->latest().config().run_settings == "objective: 20ms";
  }));
  EXPECT_EQ(Count(ModelEvent::Kind::kReady), 2U);
  manager_->ConfigsChanged();  // and yet nothing has
  LetSettle();
  EXPECT_EQ(Count(ModelEvent::Kind::kReady), 2U);
}

TEST_F(WatchTest, DirectorySwapLeavesNoGap) {
  Write("m/1/model.onnx", "one");
  StartWatching();
  ASSERT_TRUE(Becomes("m", {1}));
  const std::string digest = StatusOf("m", 1).digest;
  Write(".staging/model.onnx", "another one");
  std::filesystem::rename(directory_.path() / "m/1", directory_.path() / ".old");
  std::filesystem::rename(directory_.path() / ".staging", directory_.path() / "m/1");
  EXPECT_TRUE(Passing([&] {
    EXPECT_THAT(Ready("m"), ElementsAre(1));
    return StatusOf("m", 1).digest != digest;
  }));
}

TEST_F(WatchTest, AHalfCopiedModelIsNeverLoaded) {
  Write("m/1/model.onnx", "ok");
  StartWatching();
  std::filesystem::create_directories(directory_.path() / "m/2");
  std::ofstream file(directory_.path() / "m/2/model.onnx");
  for (int i = 0; i < 30; ++i) {  // written piece by piece, with less than the settle time between
    file << "fail=INTERNAL " << std::flush;
    clock_.Advance(300ms);
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_EQ(Count(ModelEvent::Kind::kLoadFailed), 0U);
  file.close();
  Write("m/2/model.onnx", "complete");
  EXPECT_TRUE(Becomes("m", {2}));
  EXPECT_EQ(Count(ModelEvent::Kind::kLoadFailed), 0U);
}

TEST_F(WatchTest, ABrokenVersionIsTriedOnceAndTheOldOneStays) {
  Write("m/1/model.onnx", "ok");
  StartWatching();
  Write("m/2/model.onnx", "fail=INVALID_ARGUMENT");
  EXPECT_TRUE(Passing([this] { return Count(ModelEvent::Kind::kLoadFailed) == 1; }));
  Write("other/1/model.onnx", "ok");
  EXPECT_TRUE(Becomes("other", {1}));
  LetSettle();
  EXPECT_EQ(Count(ModelEvent::Kind::kLoadFailed), 1U);
  EXPECT_THAT(Ready("m"), ElementsAre(1));
  EXPECT_THAT(StatusOf("m", 2).reason, HasSubstr("scripted fail"));
  Write("m/2/model.onnx", "repaired");
  EXPECT_TRUE(Becomes("m", {2}));
}

TEST_F(WatchTest, ATransientFailureIsTriedFourTimes) {
  StartWatching();
  Write("m/1/model.onnx", "fail=UNAVAILABLE");
  EXPECT_TRUE(Passing([this] { return Count(ModelEvent::Kind::kLoadFailed) == 4; }));
  LetSettle();
  EXPECT_EQ(Count(ModelEvent::Kind::kLoadFailed), 4U);
}

TEST_F(WatchTest, WhatLackedMemoryLoadsOnceMemoryComesBack) {
  Write("a/1/model.onnx", "bytes=800");
  StartWatching({.memory_budget_bytes = 1000, .retry = {.delays = {}}});
  Write("b/1/model.onnx", "bytes=700");
  EXPECT_TRUE(Passing([this] { return Count(ModelEvent::Kind::kLoadFailed) == 1; }));
  Remove("a");
  EXPECT_TRUE(Becomes("b", {1}));
}

TEST_F(WatchTest, ARepositoryThatCannotBeReadChangesNothing) {
  Write("m/1/model.onnx", "ok");
  StartWatching();
  ASSERT_TRUE(Becomes("m", {1}));
  const std::filesystem::path away = directory_.path().string() + "-away";
  std::filesystem::rename(directory_.path(), away);
  LetSettle();
  EXPECT_THAT(Ready("m"), ElementsAre(1));
  std::filesystem::rename(away, directory_.path());
  Write("m/2/model.onnx", "ok");
  EXPECT_TRUE(Becomes("m", {2}));
}

TEST_F(WatchTest, RefusesLoadAndUnloadByRequest) {
  Write("m/1/model.onnx", "ok");
  StartWatching();
  EXPECT_EQ(Load("m").code(), StatusCode::kUnavailable);
  EXPECT_THAT(Unload("m").message(), HasSubstr("--control explicit"));
  EXPECT_TRUE(Becomes("m", {1}));
}

TEST_F(WatchTest, ServesOnlySelectedModels) {
  Write("a/1/model.onnx", "ok");
  Write("b/1/model.onnx", "ok");
  StartWatching({.load = {.all = false, .names = {"b", "c"}}});
  EXPECT_TRUE(Becomes("b", {1}));
  EXPECT_THAT(Ready("a"), IsEmpty());
  EXPECT_THAT(manager_->initial_loads().failed, testing::SizeIs(1));
}

}  // namespace
}  // namespace slipway::lifecycle

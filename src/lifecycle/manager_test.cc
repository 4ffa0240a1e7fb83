#include "lifecycle/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "lifecycle/testing/manager_fixture.h"

namespace slipway::lifecycle {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ManagerTest : public ManagerFixture {};

TEST_F(ManagerTest, LoadsTheLatestVersionOfEachModelAtStart) {
  Write("a/1/model.onnx", "one");
  Write("a/2/model.onnx", "two");
  Write("b/10/model.onnx", "ten");
  StartExplicit();
  EXPECT_THAT(Ready("a"), ElementsAre(2));
  EXPECT_THAT(Ready("b"), ElementsAre(10));
  EXPECT_THAT(manager_->initial_loads().failed, IsEmpty());
  const VersionStatus status = StatusOf("a", 2);
  EXPECT_EQ(status.state, ModelState::kReady);
  EXPECT_THAT(status.digest, testing::StartsWith("sha256:"));
  EXPECT_EQ(status.estimated_bytes, 1000U);
}

TEST_F(ManagerTest, SaysWhichInitialLoadsFailedAndServesTheRest) {
  Write("bad/1/model.onnx", "fail=INVALID_ARGUMENT");
  Write("good/1/model.onnx", "ok");
  Write("stray/notes.txt", "no model here");
  StartExplicit();
  EXPECT_THAT(Ready("good"), ElementsAre(1));
  const InitialLoads loads = manager_->initial_loads();
  ASSERT_THAT(loads.failed, SizeIs(1));
  EXPECT_EQ(loads.failed[0].model, "bad");
  EXPECT_EQ(loads.failed[0].status, base::InvalidArgument("model 'bad' version 1: scripted fail"));
  EXPECT_EQ(StatusOf("bad", 1).state, ModelState::kUnavailable);
}

TEST_F(ManagerTest, LoadsOnlyWhatWasSelected) {
  Write("a/1/model.onnx", "ok");
  Write("b/1/model.onnx", "ok");
  StartExplicit({.load = {.all = false, .names = {"b", "missing"}}});
  EXPECT_THAT(Ready("a"), IsEmpty());
  EXPECT_THAT(Ready("b"), ElementsAre(1));
  ASSERT_THAT(manager_->initial_loads().failed, SizeIs(1));
  EXPECT_EQ(manager_->initial_loads().failed[0].status.code(), StatusCode::kNotFound);
  // A model that was never loaded has only a name.
  const std::vector<ModelStatus> index = manager_->Index();
  ASSERT_THAT(index, SizeIs(2));
  EXPECT_EQ(index[0].name, "a");
  EXPECT_TRUE(index[0].in_repository);
  EXPECT_THAT(index[0].versions, IsEmpty());
}

TEST_F(ManagerTest, FailsToStartWithoutARepository) {
  const RepositorySource nowhere(fs_, directory_.path() / "nowhere");
  Manager manager({.fs = fs_,
                   .clock = clock_,
                   .log = *log_,
                   .factory = factory_,
                   .source = nowhere,
                   .publisher = publisher_},
                  {.mode = ControlMode::kExplicit, .memory_budget_bytes = 1000});
  EXPECT_EQ(manager.Start().code(), StatusCode::kNotFound);
}

TEST_F(ManagerTest, LoadsAndUnloadsByRequest) {
  StartExplicit();
  Write("late/7/model.onnx", "ok");
  EXPECT_EQ(Load("late"), base::OkStatus());
  EXPECT_THAT(Ready("late"), ElementsAre(7));
  EXPECT_EQ(Unload("late"), base::OkStatus());
  EXPECT_THAT(Ready("late"), IsEmpty());
  EXPECT_TRUE(Eventually([this] { return factory_.live() == 0; }));
  EXPECT_TRUE(Eventually([this] { return StatusOf("late", 7).reason == "unloaded"; }));
  EXPECT_EQ(StatusOf("late", 7).state, ModelState::kUnavailable);
  EXPECT_TRUE(Eventually([this] { return manager_->memory().used() == 0; }));
}

TEST_F(ManagerTest, UnloadOfAnUnknownModelSucceeds) {
  StartExplicit();
  EXPECT_EQ(Unload("nobody"), base::OkStatus());
}

TEST_F(ManagerTest, ExplainsWhyNothingCanBeLoaded) {
  Write("m/1/weights.onnx", "ok");
  Write("m/v2/model.onnx", "ok");
  StartExplicit();
  const base::Status status = Load("m");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("rename 'weights.onnx'?"));
  EXPECT_THAT(status.message(), HasSubstr("version 'v2'"));
  EXPECT_EQ(Load("absent").code(), StatusCode::kNotFound);
  EXPECT_EQ(Load("../m").code(), StatusCode::kInvalidArgument);
}

TEST_F(ManagerTest, KeepsTheOldVersionWhenTheNewOneFails) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  Write("m/2/model.onnx", "fail=INVALID_ARGUMENT");
  EXPECT_EQ(Load("m"), base::InvalidArgument("model 'm' version 2: scripted fail"));
  EXPECT_THAT(Ready("m"), ElementsAre(1));
  EXPECT_EQ(StatusOf("m", 2).state, ModelState::kUnavailable);
  Write("m/2/model.onnx", "ok now");
  EXPECT_EQ(Load("m"), base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(2));
}

TEST_F(ManagerTest, KeepsTheOldFilesOfAVersionWhenItsReloadFails) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  const std::string digest = StatusOf("m", 1).digest;
  Write("m/1/model.onnx", "run=RESOURCE_EXHAUSTED");
  EXPECT_EQ(Load("m").code(), StatusCode::kResourceExhausted);
  const VersionStatus status = StatusOf("m", 1);
  EXPECT_EQ(status.state, ModelState::kReady);
  EXPECT_EQ(status.digest, digest);
  EXPECT_THAT(status.reason, HasSubstr("warm-up with zeros"));
}

TEST_F(ManagerTest, AReloadOfAnUnchangedModelSucceedsWithoutLoadingAgain) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  EXPECT_EQ(Load("m"), base::OkStatus());
  EXPECT_EQ(factory_.loads(), 1);
  EXPECT_EQ(Load(LoadRequest{.name = "m", .config = ModelConfig{.override_json = "{}"}}),
            base::OkStatus());
  EXPECT_EQ(factory_.loads(), 2);
  EXPECT_EQ(publisher_.Current()->Find("m")->latest().config().override_json, "{}");
  EXPECT_EQ(Load("m"), base::OkStatus());  // back to the stored configuration
  EXPECT_EQ(factory_.loads(), 3);
  EXPECT_EQ(publisher_.Current()->Find("m")->latest().config().override_json, "");
}

TEST_F(ManagerTest, FilesInARequestReplaceTheStoredOnes) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  LoadRequest request{.name = "m", .config = ModelConfig(), .files = {{5, {{"model.onnx", "ok"}}}}};
  EXPECT_EQ(Load(request), base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(5));
  EXPECT_EQ(StatusOf("m", 5).digest,  // printf ok | sha256sum
            "sha256:2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df");
  request.files = {{6, {{"model.onnx", "ok"}, {"../../etc/passwd", "x"}}}};
  EXPECT_EQ(Load(request).code(), StatusCode::kInvalidArgument);
  request.files = {{6, {{"weights.bin", "x"}}}};
  EXPECT_EQ(Load(request).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Ready("m"), ElementsAre(5));
  EXPECT_EQ(Load("m"), base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(1));
}

TEST_F(ManagerTest, APolicyInTheRequestRollsBack) {
  Write("m/1/model.onnx", "one");
  Write("m/2/model.onnx", "two");
  StartExplicit();
  EXPECT_EQ(Load(LoadRequest{.name = "m", .policy = *VersionPolicy::Parse("specific:1")}),
            base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(1));
  EXPECT_EQ(Load(LoadRequest{.name = "m", .policy = *VersionPolicy::Parse("all")}),
            base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(1, 2));
  EXPECT_EQ(Load(LoadRequest{.name = "m", .policy = *VersionPolicy::Parse("specific:9")}).code(),
            StatusCode::kNotFound);
}

TEST_F(ManagerTest, UnloadDoesNotWaitForRequestsInFlight) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  ModelHandle in_flight = *publisher_.Current()->Find("m", std::nullopt);
  EXPECT_EQ(Unload("m"), base::OkStatus());
  EXPECT_EQ(StatusOf("m", 1).state, ModelState::kUnloading);
  EXPECT_EQ(factory_.live(), 1);
  EXPECT_EQ(in_flight->engine().signature().inputs.size(), 1U);
  in_flight.reset();
  EXPECT_TRUE(Eventually([this] { return factory_.live() == 0; }));
}

TEST_F(ManagerTest, RefusesWhatDoesNotFitIntoMemoryWithNumbers) {
  Write("big/1/model.onnx", "bytes=900");
  StartExplicit({.memory_budget_bytes = 1000});
  Write("small/1/model.onnx", "bytes=200");
  const base::Status status = Load("small");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(
      status.message(),
      HasSubstr("needs 200 B of memory by estimate, but 100 B are free: models use 900 B of "
                "the budget of 1000 B"));
  EXPECT_EQ(factory_.loads(), 1);
}

TEST_F(ManagerTest, WaitsForMemoryOfVersionsThatDrain) {
  Write("a/1/model.onnx", "bytes=900");
  StartExplicit({.memory_budget_bytes = 1000});
  Write("b/1/model.onnx", "bytes=800");
  ModelHandle in_flight = *publisher_.Current()->Find("a", std::nullopt);
  ASSERT_EQ(Unload("a"), base::OkStatus());
  std::promise<base::Status> done;
  manager_->Load({.name = "b"}, [&](const base::Status& status) { done.set_value(status); });
  ASSERT_TRUE(Eventually([this] { return StatusOf("b", 1).state == ModelState::kLoading; }));
  in_flight.reset();
  EXPECT_EQ(done.get_future().get(), base::OkStatus());
}

TEST_F(ManagerTest, RefusesASwapThatWouldFitOnlyWithoutTheOldVersionUnlessAllowed) {
  Write("m/1/model.onnx", "bytes=600");
  StartExplicit({.memory_budget_bytes = 1000});
  Write("m/2/model.onnx", "bytes=700");
  const base::Status refused = Load("m");
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(),
              HasSubstr("it would fit if what it replaces (600 B) were unloaded"));
  EXPECT_THAT(Ready("m"), ElementsAre(1));

  manager_.reset();
  StartExplicit({.load = {.all = false, .names = {}},
                 .memory_budget_bytes = 1000,
                 .replace_when_short = true});
  ASSERT_EQ(Load(LoadRequest{.name = "m", .policy = *VersionPolicy::Parse("specific:1")}),
            base::OkStatus());
  EXPECT_EQ(Load("m"), base::OkStatus());
  EXPECT_THAT(Ready("m"), ElementsAre(2));
}

TEST_F(ManagerTest, AModelThatRefusesMadeUpInputsIsServedAllTheSame) {
  Write("m/1/model.onnx", "run=INVALID_ARGUMENT");
  StartExplicit();
  EXPECT_THAT(Ready("m"), ElementsAre(1));
}

TEST_F(ManagerTest, LoadsOfOtherModelsDoNotWaitForASlowOne) {
  Write("slow/1/model.onnx", "wait");
  Write("quick/1/model.onnx", "ok");
  StartExplicit({.load = {.all = false, .names = {}}});
  std::promise<base::Status> slow;
  manager_->Load({.name = "slow"}, [&](const base::Status& status) { slow.set_value(status); });
  factory_.AwaitWaiting();
  EXPECT_EQ(StatusOf("slow", 1).state, ModelState::kLoading);
  EXPECT_EQ(Load("quick"), base::OkStatus());
  EXPECT_EQ(Unload("quick"), base::OkStatus());
  factory_.Open();
  EXPECT_EQ(slow.get_future().get(), base::OkStatus());
}

TEST_F(ManagerTest, RefreshedIndexSeesModelsThatCameLater) {
  StartExplicit();
  Write("new/1/model.onnx", "ok");
  std::promise<base::Result<std::vector<ModelStatus>>> done;
  manager_->RefreshIndex([&](auto index) { done.set_value(std::move(index)); });
  const base::Result<std::vector<ModelStatus>> index = done.get_future().get();
  ASSERT_TRUE(index.ok());
  ASSERT_THAT(*index, SizeIs(1));
  EXPECT_EQ(index->front().name, "new");
}

TEST_F(ManagerTest, ReportsEventsInOrder) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  ASSERT_EQ(Unload("m"), base::OkStatus());
  EXPECT_TRUE(Eventually([this] { return Count(ModelEvent::Kind::kUnloaded) == 1; }));
  EXPECT_EQ(Count(ModelEvent::Kind::kLoadStarted), 1U);
  EXPECT_EQ(Count(ModelEvent::Kind::kReady), 1U);
  EXPECT_EQ(Count(ModelEvent::Kind::kDraining), 1U);
}

// Attaches a counter to each model, and can refuse.
class Observer final : public ModelObserver {
 public:
  struct Attachment final : ModelAttachment {
    explicit Attachment(std::atomic<int>& counter) : live(counter) { ++live; }
    ~Attachment() override { --live; }
    std::atomic<int>& live;
  };
  base::Result<std::unique_ptr<ModelAttachment>> OnLoaded(const LoadedModel& model) override {
    EXPECT_EQ(model.engine().signature().inputs.size(), 1U);
    if (refuse) return base::FailedPrecondition("the observer refuses");
    return std::unique_ptr<ModelAttachment>(std::make_unique<Attachment>(live));
  }
  void OnUnloaded(const ModelId&) override { ++unloaded; }
  void OnLoadFailed(const ModelId&, const base::Status&) override { ++failed; }

  std::atomic<bool> refuse = false;
  std::atomic<int> live = 0;
  std::atomic<int> unloaded = 0;
  std::atomic<int> failed = 0;
};

TEST_F(ManagerTest, TheObserverAttachesToEachModelAndMayRefuse) {
  Observer observer;
  Write("m/1/model.onnx", "ok");
  StartExplicit({}, &observer);
  EXPECT_NE(publisher_.Current()->Find("m")->latest().attachment(), nullptr);
  observer.refuse = true;
  Write("m/2/model.onnx", "ok");
  EXPECT_EQ(Load("m"), base::FailedPrecondition("model 'm' version 2: the observer refuses"));
  EXPECT_EQ(observer.failed, 1);
  EXPECT_THAT(Ready("m"), ElementsAre(1));
  ASSERT_EQ(Unload("m"), base::OkStatus());
  EXPECT_TRUE(Eventually([&] { return observer.unloaded == 1; }));
  EXPECT_EQ(observer.live, 0);
  manager_.reset();
}

TEST_F(ManagerTest, ShutdownWhileLoadingAnswersEveryRequest) {
  Write("m/1/model.onnx", "wait");
  StartExplicit({.load = {.all = false, .names = {}}});
  std::atomic<int> ok = 0;
  std::atomic<int> unavailable = 0;
  for (int i = 0; i < 5; ++i) {
    manager_->Load({.name = "m", .config = ModelConfig()},
                   [&](const base::Status& status) { ++(status.ok() ? ok : unavailable); });
  }
  factory_.AwaitWaiting();
  std::thread opener([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    factory_.Open();
  });
  manager_.reset();
  opener.join();
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(unavailable, 4);
  EXPECT_EQ(factory_.live(), 0);
  EXPECT_THAT(publisher_.Current()->models(), IsEmpty());
}

TEST_F(ManagerTest, AHandleMayOutliveTheManager) {
  Write("m/1/model.onnx", "ok");
  StartExplicit({.shutdown_wait = std::chrono::milliseconds(1)});
  ModelHandle handle = *publisher_.Current()->Find("m", std::nullopt);
  manager_.reset();
  EXPECT_EQ(factory_.live(), 1);
  handle.reset();
  EXPECT_EQ(factory_.live(), 0);
}

TEST(ManagerOptionsTest, NamesWhatIsWrong) {
  EXPECT_TRUE(ManagerOptions().Validate().ok());
  EXPECT_EQ(ManagerOptions{.load_threads = 0}.Validate().code(), StatusCode::kInvalidArgument);
  const ManagerOptions nothing{.load = {.all = false, .names = {}}};
  EXPECT_THAT(nothing.Validate().message(), HasSubstr("--control explicit"));
}

}  // namespace
}  // namespace slipway::lifecycle

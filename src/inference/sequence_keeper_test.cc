#include "inference/sequence_keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/testing/fake_clock.h"
#include "base/testing/manual_executor.h"
#include "inference/dispatcher.h"
#include "inference/testing/sequence_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;

class SequenceKeeperTest : public testing::Test {
 protected:
  // A sequence on a model that nothing else holds.
  std::weak_ptr<SequenceModel> StartSequence() {
    ModelRuntime::Options options;
    options.sequences = keeper_.TableOf("m", {.idle_timeout = 10s});
    auto model = std::make_shared<SequenceModel>(1, options, RunProfile{.run_time = 1us}, clock_);
    SequenceCall call(7, 1, /*start=*/true);
    call.Fill();
    publisher_.Publish(std::make_shared<lifecycle::Snapshot>(
        std::vector<lifecycle::Snapshot::Model>{{.name = "m", .versions = {model}}}));
    EXPECT_TRUE(dispatcher_.Resolve("m", 1, call).ok());
    dispatcher_.Submit(call);
    EXPECT_EQ(call.y, 1);
    publisher_.Publish(
        std::make_shared<lifecycle::Snapshot>(std::vector<lifecycle::Snapshot::Model>()));
    dispatcher_.snapshot();
    return model;
  }
  void AdvanceUntilGone(const std::weak_ptr<SequenceModel>& model) {
    while (!model.expired()) {
      clock_.Advance(1s);
      std::this_thread::yield();
    }
  }

  base::FakeClock clock_;
  std::atomic<bool> served_ = true;
  SequenceKeeper keeper_{clock_, [this](std::string_view) { return served_.load(); }};
  base::ManualExecutor loop_;
  lifecycle::SnapshotPublisher publisher_;
  Dispatcher dispatcher_{publisher_, loop_, clock_, 0};
};

TEST_F(SequenceKeeperTest, AVersionIsGivenBackWhenItsLastSequenceWasIdleForTooLong) {
  const std::weak_ptr<SequenceModel> model = StartSequence();
  EXPECT_FALSE(model.expired());
  const auto table = keeper_.TableOf("m", {.idle_timeout = 10s});
  clock_.WaitForSleepers(1);
  clock_.Advance(9s);
  EXPECT_EQ(table->usage().live, 1U);
  AdvanceUntilGone(model);
  EXPECT_EQ(table->usage().live, 0U);
  EXPECT_EQ(table->usage().evicted, 1U);
}

TEST_F(SequenceKeeperTest, SequencesOfAModelThatNobodyCanReachGo) {
  const std::weak_ptr<SequenceModel> model = StartSequence();
  const auto table = keeper_.TableOf("m", {.idle_timeout = 0s});
  served_ = false;
  AdvanceUntilGone(model);
  EXPECT_EQ(table->usage().evicted, 0U);
}

TEST_F(SequenceKeeperTest, TheVersionsOfAModelShareATable) {
  const auto table = keeper_.TableOf("m", {});
  EXPECT_EQ(keeper_.TableOf("m", {.idle_timeout = 3s}), table);
  EXPECT_EQ(table->idle_timeout(), 3s);
  EXPECT_NE(keeper_.TableOf("n", {}), table);
}

TEST_F(SequenceKeeperTest, CloseForgetsEverySequence) {
  const std::weak_ptr<SequenceModel> model = StartSequence();
  keeper_.Close();
  EXPECT_TRUE(model.expired());
}

}  // namespace
}  // namespace slipway::inference

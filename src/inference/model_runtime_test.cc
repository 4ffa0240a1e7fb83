#include "inference/model_runtime.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;

LaneKind LaneOf(const RunProfile& profile, const QueueLane::Options& queue,
                int64_t max_batch_rows = 64) {
  base::FakeClock clock;
  const ModelRuntime runtime({.max_batch_rows = max_batch_rows, .queue = queue}, profile, clock);
  return runtime.LaneFor(1);
}

// A round holds 4 rows in 1 ms, at 100 us each.
const RunProfile kLargeBatchesGain{
    .run_time = 200us,
    .batches = {
        {.rows = 4, .time = 400us}, {.rows = 16, .time = 1100us}, {.rows = 64, .time = 3200us}}};

TEST(ModelRuntimeTest, WhatIsQuickRunsInline) {
  EXPECT_EQ(LaneOf({.run_time = 150us}, {.name = "m"}), LaneKind::kInline);
  EXPECT_EQ(LaneOf({.run_time = 201us}, {.name = "m"}), LaneKind::kQueue);
  EXPECT_EQ(LaneOf(kLargeBatchesGain, {.name = "m"}), LaneKind::kRound);
}

TEST(ModelRuntimeTest, WithAnObjectiveLargeBatchesThatGainAreWorthAQueue) {
  const QueueLane::Options queue{.name = "m", .objective = 30ms, .adapt = true};
  EXPECT_EQ(LaneOf(kLargeBatchesGain, queue), LaneKind::kQueue);
  EXPECT_EQ(LaneOf(kLargeBatchesGain, queue, 4), LaneKind::kRound);
  EXPECT_EQ(LaneOf({.run_time = 150us}, queue), LaneKind::kInline);
  const RunProfile quick{.run_time = 5us, .batches = {{.rows = 64, .time = 10us}}};
  EXPECT_EQ(LaneOf(quick, queue), LaneKind::kRound);
}

TEST(ModelRuntimeTest, AnObjectiveWithoutRoomForLargeBatchesKeepsTheRound) {
  const QueueLane::Options queue{.name = "m", .objective = 2ms, .adapt = true};  // 800 us a run
  EXPECT_EQ(LaneOf(kLargeBatchesGain, queue), LaneKind::kRound);
}

}  // namespace
}  // namespace slipway::inference

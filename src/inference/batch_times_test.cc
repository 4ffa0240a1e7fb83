#include "inference/batch_times.h"

#include <gtest/gtest.h>

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

RunProfile Measured() {
  return {.run_time = 2ms, .batches = {{.rows = 4, .time = 5ms}, {.rows = 16, .time = 17ms}}};
}

TEST(BatchTimesTest, BetweenMeasuredSizesItIsAStraightLine) {
  const BatchTimes times(Measured());
  EXPECT_EQ(times.Of(1), 2ms);
  EXPECT_EQ(times.Of(2), 3ms);
  EXPECT_EQ(times.Of(3), 4ms);
  EXPECT_EQ(times.Of(4), 5ms);
  EXPECT_EQ(times.Of(10), 11ms);
  EXPECT_EQ(times.Of(16), 17ms);
}

TEST(BatchTimesTest, BeyondThemRowsCostWhatTheyCostInTheLargest) {
  const BatchTimes times(Measured());
  EXPECT_EQ(times.Of(32), 34ms);
  EXPECT_EQ(times.Of(4096), 4096 * 17ms / 16);
}

TEST(BatchTimesTest, TheFirstRunTellsWhatNobodyMeasured) {
  for (const nanoseconds unknown : {nanoseconds(0), nanoseconds::max()}) {
    BatchTimes times(RunProfile{.run_time = unknown});
    EXPECT_EQ(times.Of(8), 0ns);
    times.Note(4, 8ms);
    EXPECT_EQ(times.Of(1), 2ms);
    EXPECT_EQ(times.Of(8), 16ms);
  }
}

TEST(BatchTimesTest, RunsMoveTheSizesNextToThemAndSlowlyTheOthers) {
  BatchTimes times(Measured());
  for (int i = 0; i < 100; ++i) times.Note(4, 10ms);
  EXPECT_NEAR(static_cast<double>(times.Of(4).count()), 10e6, 1e5);
  EXPECT_GT(times.Of(16), 18ms);
  for (int i = 0; i < 1000; ++i) times.Note(i % 2 == 0 ? 1 : 16, i % 2 == 0 ? 4ms : 34ms);
  EXPECT_NEAR(static_cast<double>(times.Of(1).count()), 4e6, 3e5);
  EXPECT_NEAR(static_cast<double>(times.Of(16).count()), 34e6, 2e6);
}

TEST(BatchTimesTest, ARunThatWasHeldUpMovesLittle) {
  BatchTimes times(Measured());
  times.Note(1, 10s);
  EXPECT_LT(times.Of(1), 3ms);
}

TEST(BatchTimesTest, RowsWithinATime) {
  const BatchTimes times(Measured());
  EXPECT_EQ(times.RowsWithin(11ms, 64), 10);
  EXPECT_EQ(times.RowsWithin(11ms, 8), 8);
  EXPECT_EQ(times.RowsWithin(1h, 64), 64);
  EXPECT_EQ(times.RowsWithin(1ms, 64), 1);
  EXPECT_EQ(times.RowsWithin(1ms, 1), 1);
}

}  // namespace
}  // namespace slipway::inference

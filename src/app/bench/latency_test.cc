#include "app/bench/latency.h"

#include <gtest/gtest.h>

namespace slipway::app {
namespace {

using namespace std::chrono_literals;

TEST(LatencyRecorderTest, QuantilesAreWithinOnePercentAndExtremesExact) {
  LatencyRecorder recorder;
  for (int i = 1; i <= 100'000; ++i) recorder.Record(std::chrono::nanoseconds(int64_t{i} * 997));
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double expected = q * 100'000 * 997;
    EXPECT_NEAR(static_cast<double>(recorder.Quantile(q).count()), expected, expected * 0.01) << q;
  }
  EXPECT_EQ(recorder.min(), 997ns);
  EXPECT_EQ(recorder.max(), 99'700'000ns);
  EXPECT_EQ(recorder.Quantile(1), recorder.max());
  EXPECT_EQ(recorder.mean(), std::chrono::nanoseconds(int64_t{100'001} * 997 / 2));
}

TEST(LatencyRecorderTest, IsAllZeroWhenEmpty) {
  const LatencyRecorder recorder;
  EXPECT_EQ(recorder.Quantile(0.5), 0ns);
  EXPECT_EQ(recorder.min(), 0ns);
  EXPECT_EQ(recorder.mean(), 0ns);
}

TEST(LatencyRecorderTest, TakesAnyDuration) {
  LatencyRecorder recorder;
  for (const auto latency : {-5ns, 0ns, 127ns, 128ns, std::chrono::nanoseconds::max()}) {
    recorder.Record(latency);
  }
  EXPECT_EQ(recorder.count(), 5U);
  EXPECT_EQ(recorder.Quantile(0.5), 127ns);
  EXPECT_EQ(recorder.max(), std::chrono::nanoseconds::max());
}

TEST(LatencyRecorderTest, AddingIsAsIfAllHadBeenRecordedInOne) {
  LatencyRecorder one;
  LatencyRecorder other;
  one.Record(5us);
  other.Record(1us);
  other.Record(9us);
  one.Add(other);
  EXPECT_EQ(one.count(), 3U);
  EXPECT_EQ(one.min(), 1us);
  EXPECT_EQ(one.max(), 9us);
  EXPECT_EQ(one.mean(), 5us);
}

}  // namespace
}  // namespace slipway::app

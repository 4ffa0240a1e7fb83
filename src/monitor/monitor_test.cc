#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "monitor/histogram.h"
#include "monitor/metrics_text.h"
#include "monitor/model_stats.h"
#include "monitor/process_stats.h"
#include "monitor/trace_context.h"

namespace slipway::monitor {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(HistogramTest, EveryDurationFallsBelowItsBucketsUpperBound) {
  for (int64_t ns = 0; ns < int64_t{120'000'000'000}; ns = ns * 9 / 8 + 1) {
    const size_t bucket = Histogram::BucketOf(nanoseconds(ns));
    EXPECT_LE(nanoseconds(ns), Histogram::UpperBound(bucket));
    if (bucket > 0) {
      EXPECT_GT(nanoseconds(ns), Histogram::UpperBound(bucket - 1));
    }
  }
  EXPECT_EQ(Histogram::BucketOf(nanoseconds(-5)), 0U);
}

TEST(HistogramTest, QuantilesAreWithinAnEighthOfTheTruth) {
  Histogram histogram;
  for (int i = 1; i <= 10'000; ++i) histogram.Record(microseconds(i));
  Histogram::Counts counts;
  histogram.AddTo(counts);
  EXPECT_EQ(counts.count, 10'000U);
  for (const double q : {0.5, 0.9, 0.99, 0.999}) {
    const auto got = static_cast<double>(counts.Quantile(q).count());
    EXPECT_NEAR(got, q * 1e7, q * 1e7 / 8) << q;
  }
}

TEST(HistogramTest, EmptyHistogramHasQuantileZero) {
  EXPECT_EQ(Histogram::Counts().Quantile(0.99), nanoseconds(0));
}

TEST(ModelStatsTest, TotalsAreTheSumOfTheShards) {
  ModelStats stats(2);
  RequestSample sample;
  sample.rows = 3;
  sample.total = microseconds(100);
  sample.phases[static_cast<size_t>(Phase::kInfer)] = microseconds(40);
  stats.Record(0, sample, base::SystemTime(milliseconds(10)));
  stats.Record(1, sample, base::SystemTime(milliseconds(20)));
  sample.code = base::StatusCode::kInvalidArgument;
  stats.Record(1, sample, base::SystemTime(milliseconds(30)));
  stats.RecordExecution(0, 3, microseconds(40));
  stats.RecordExecution(1, 3, microseconds(40));
  stats.AddInFlight(0, 2);
  stats.AddInFlight(1, -1);

  const ModelStats::Totals totals = stats.Read();
  const auto rest = static_cast<size_t>(Protocol::kRest);
  EXPECT_EQ(totals.requests[rest][static_cast<size_t>(base::StatusCode::kOk)], 2U);
  EXPECT_EQ(totals.requests[rest][static_cast<size_t>(base::StatusCode::kInvalidArgument)], 1U);
  EXPECT_EQ(totals.success.count, 2U);
  EXPECT_EQ(totals.success.ns, 200'000U);
  EXPECT_EQ(totals.fail.count, 1U);
  EXPECT_EQ(totals.rows, 6U);
  EXPECT_EQ(totals.executions, 2U);
  EXPECT_EQ(totals.latency.count, 3U);
  EXPECT_EQ(totals.infer.sum_ns, 80'000U);
  EXPECT_EQ(totals.in_flight, 1);
  EXPECT_EQ(totals.last_request, base::SystemTime(milliseconds(30)));
  ASSERT_EQ(totals.batch_sizes.size(), 1U);
  EXPECT_EQ(totals.batch_sizes.at(3).executions, 2U);
}

TEST(ModelStatsTest, LargeBatchesAreCountedByThePowerOfTwoAboveThem) {
  ModelStats stats(1);
  for (const int64_t rows : {64L, 65L, 128L, 129L, 1'000'000L, INT64_MAX}) {
    stats.RecordExecution(0, rows, nanoseconds(1));
  }
  const auto sizes = stats.Read().batch_sizes;
  EXPECT_EQ(sizes.at(64).executions, 1U);
  EXPECT_EQ(sizes.at(128).executions, 2U);
  EXPECT_EQ(sizes.at(256).executions, 1U);
  EXPECT_EQ(sizes.at(1 << 20).executions, 1U);
  EXPECT_EQ(sizes.size(), 5U);
}

TEST(MetricsTextTest, EscapesLabelValues) {
  MetricsText text;
  text.Family("slipway_x_total", MetricType::kCounter, "An example");
  text.Sample({{"model", "a\"b\\c\nd"}}, uint64_t{7});
  EXPECT_EQ(text.text(),
            "# HELP slipway_x_total An example\n# TYPE slipway_x_total counter\n"
            "slipway_x_total{model=\"a\\\"b\\\\c\\nd\"} 7\n");
}

TEST(MetricsTextTest, WritesGoFloats) {
  MetricsText text;
  text.Family("slipway_x", MetricType::kGauge, "An example");
  text.Sample({}, std::numeric_limits<double>::infinity());
  text.Sample({}, std::nan(""));
  text.Sample({}, 0.25);
  EXPECT_NE(text.text().find("slipway_x +Inf\nslipway_x NaN\nslipway_x 0.25\n"), std::string::npos);
}

TEST(MetricsTextTest, HistogramEndsWithInfinityEqualToCount) {
  Histogram histogram;
  histogram.Record(milliseconds(3));
  histogram.Record(std::chrono::hours(1));
  Histogram::Counts counts;
  histogram.AddTo(counts);
  MetricsText text;
  text.Family("slipway_x_seconds", MetricType::kHistogram, "An example");
  text.HistogramSample({{"model", "m"}}, counts);
  EXPECT_NE(text.text().find("slipway_x_seconds_bucket{model=\"m\",le=\"+Inf\"} 2\n"
                             "slipway_x_seconds_sum{model=\"m\"} 3600.003\n"
                             "slipway_x_seconds_count{model=\"m\"} 2\n"),
            std::string::npos)
      << text.text();
}

TEST(ProcessStatsTest, ReadsThisProcess) {
  const auto stats = ReadProcessStats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_GT(stats->resident_bytes, 1U << 20);
  EXPECT_GT(stats->open_descriptors, 2U);
  EXPECT_GT(stats->start_time_seconds, 1.6e9);
  EXPECT_GE(stats->threads, 1U);
}

TEST(ProcessStatsTest, SaysWhenThereIsNoSuchProcess) {
  EXPECT_EQ(ReadProcessStats(0x3FFFFFFF).status().code(), base::StatusCode::kNotFound);
}

struct TraceCase {
  const char* name;
  const char* text;
  bool valid;
};
class TraceContextTest : public testing::TestWithParam<TraceCase> {};
TEST_P(TraceContextTest, AcceptsExactlyWhatTheSpecificationAllows) {
  EXPECT_EQ(TraceContext::Parse(GetParam().text).has_value(), GetParam().valid);
}
const TraceCase kTraceCases[] = {
    {"Valid", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
    {"UpperCase", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
    {"ZeroTrace", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
    {"ZeroParent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
    {"VersionFf", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
    {"Version00WithMore", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false},
    {"LaterVersionWithMore", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", true},
    {"LaterVersionGlued", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", false},
    {"Short", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
    {"Empty", "", false},
};
INSTANTIATE_TEST_SUITE_P(W3c, TraceContextTest, testing::ValuesIn(kTraceCases),
                         [](const auto& c) { return c.param.name; });

TEST(TraceContextTest, WritesWhatItRead) {
  const char* text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(TraceContext::Parse(text)->ToString(), text);
}

}  // namespace
}  // namespace slipway::monitor

#include "app/bench/arrivals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "app/bench/target.h"
#include "app/bench/trace.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;

struct ArrivalCase {
  const char* name;
  const char* text;
  double deviation;  // of the gaps, as a share of their mean
};
class ArrivalsTest : public testing::TestWithParam<ArrivalCase> {};

TEST_P(ArrivalsTest, GapsHaveTheMeanOfTheRateAndTheirDeviation) {
  ArrivalPlan plan;
  ASSERT_TRUE(ParseArrivals(GetParam().text, plan).ok());
  plan.rate = 1000;
  const base::SteadyTime start;
  const auto arrivals = Arrivals::Create(plan, 7, start);
  double sum = 0;
  double squares = 0;
  base::SteadyTime last = start;
  constexpr int kCount = 200'000;
  for (int i = 0; i < kCount; ++i) {
    const double gap = std::chrono::duration<double>(arrivals->next() - last).count();
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
    last = arrivals->next();
    arrivals->Advance();
  }
  const double mean = sum / kCount;
  const double deviation = std::sqrt(std::max(0.0, squares / kCount - mean * mean));
  EXPECT_NEAR(mean, 1e-3, 3e-5);
  EXPECT_NEAR(deviation / mean, GetParam().deviation, 0.05 * GetParam().deviation + 1e-3);
}

// Of on-off:10ms,30ms at 1,000/s: 40 arrivals a cycle, of which one follows a gap of 30 ms beside
// its own 0.25 ms. Variance = 0.25^2 + 30^2 / 40 * (1 - 1 / 40) ms^2.
INSTANTIATE_TEST_SUITE_P(Kinds, ArrivalsTest,
                         testing::Values(ArrivalCase{"Poisson", "poisson", 1},
                                         ArrivalCase{"Constant", "constant", 0},
                                         ArrivalCase{"Even", "gamma:0.5", 0.5},
                                         ArrivalCase{"Clumps", "gamma:4", 4},
                                         ArrivalCase{"OnOff", "on-off:10ms,30ms", 4.69}),
                         [](const auto& c) { return c.param.name; });

TEST(ArrivalPlanTest, OnOffIsSilentWhileOff) {
  ArrivalPlan plan;
  ASSERT_TRUE(ParseArrivals("on-off:100ms,400ms", plan).ok());
  plan.rate = 200;
  const base::SteadyTime start;
  const auto arrivals = Arrivals::Create(plan, 1, start);
  for (int i = 0; i < 1000; ++i, arrivals->Advance()) {
    EXPECT_LE((arrivals->next() - start) % 500ms, 100ms);
  }
}

TEST(ArrivalPlanTest, SameSeedSameTimes) {
  const base::SteadyTime start;
  const ArrivalPlan plan{.rate = 10};
  EXPECT_EQ(Arrivals::Create(plan, 3, start)->next(), Arrivals::Create(plan, 3, start)->next());
  EXPECT_NE(Arrivals::Create(plan, 3, start)->next(), Arrivals::Create(plan, 4, start)->next());
}

TEST(ArrivalPlanTest, RefusesWhatIsNoKind) {
  ArrivalPlan plan;
  for (const char* bad : {"", "often", "gamma", "gamma:", "gamma:0", "gamma:-1", "gamma:nan",
                          "gamma:1000", "on-off:1s", "on-off:0s,1s", "on-off:1,2", "constant:1"}) {
    EXPECT_EQ(ParseArrivals(bad, plan).code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TraceTest, ReadsColumnsInAnyOrderAndSortsByTime) {
  const auto trace = ParseTrace("model,offset_s,rows\r\nb, 0.5 ,2\n\na,0.25,1\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(*trace, (std::vector<TraceLine>{{.offset = 250ms, .model = "a", .rows = 1},
                                            {.offset = 500ms, .model = "b", .rows = 2}}));
  const auto times = ParseTrace("offset_s\n0\n1e-3");
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_EQ(*times, (std::vector<TraceLine>{{.offset = 0ms}, {.offset = 1ms}}));
}

TEST(TraceTest, SaysWhichLineIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "got none"},
      {"offset_s\n", "got none"},
      {"time\n1\n", "line 1: unknown column 'time'"},
      {"model\nm\n", "line 1: expected a column 'offset_s'"},
      {"offset_s,offset_s\n1,1\n", "twice"},
      {"offset_s\n1\n-0.5\n", "line 3: expected seconds"},
      {"offset_s\nnan\n", "line 2: expected seconds"},
      {"offset_s\n1e300\n", "at most a year"},
      {"offset_s,rows\n1,0\n", "line 2: expected rows"},
      {"offset_s,rows\n1\n", "line 2: expected 2 cells, got 1"},
  };
  for (const auto& [csv, words] : cases) {
    const base::Status status = ParseTrace(csv).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << csv;
    EXPECT_NE(status.message().find(words), std::string::npos) << status;
  }
}

TEST(BenchTargetTest, ReadsModelRateAndFile) {
  EXPECT_EQ(*ParseBenchTarget("digits"), (BenchTarget{.model = "digits"}));
  EXPECT_EQ(*ParseBenchTarget("digits@2.5"), (BenchTarget{.model = "digits", .rate = 2.5}));
  EXPECT_EQ(*ParseBenchTarget("a@1:/tmp/b@2:c"),
            (BenchTarget{.model = "a", .rate = 1, .input_file = "/tmp/b@2:c"}));
  EXPECT_EQ(*ParseBenchTarget("a:x.json"), (BenchTarget{.model = "a", .input_file = "x.json"}));
  for (const char* bad : {"", "@1", ":f", "m@", "m@x", "m@0", "m@-1", "m@inf", "m@1e9", "m:"}) {
    EXPECT_EQ(ParseBenchTarget(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(BenchTargetTest, ReadsListsOfNumbers) {
  EXPECT_EQ(*ParseCounts("--n", "1,8,32", 100), (std::vector<int>{1, 8, 32}));
  EXPECT_EQ(*ParseRates("--r", "0.5,1e3"), (std::vector<double>{0.5, 1000}));
  for (const char* bad : {"", ",", "1,", "0", "1.5", "101", "x"}) {
    EXPECT_FALSE(ParseCounts("--n", bad, 100).ok()) << bad;
  }
  for (const char* bad : {"", "1,,2", "0", "-1", "nan", "inf", "1e99"}) {
    EXPECT_FALSE(ParseRates("--r", bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace slipway::app

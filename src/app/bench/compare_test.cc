#include "app/bench/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "app/bench/html.h"
#include "app/bench/plot.h"
#include "app/bench/sweep.h"
#include "base/random.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using nlohmann::json;

// A report with a p50 around `level` in each of its rounds.
json Report(double level, uint64_t seed, size_t rounds) {
  base::Random random(seed);
  json report = {{"name", "m"},
                 {"url", "http://h"},
                 {"requests_per_s", 1000},
                 {"latency_ms", {{"p50", level}, {"p90", level}, {"p99", level}}},
                 {"rounds", json::array()}};
  for (size_t i = 0; i < rounds; ++i) {
    report["rounds"].push_back({{"requests_per_s", 1000},
                                {"p50", level * (0.95 + 0.1 * random.NextDouble())},
                                {"p90", level},
                                {"p99", level}});
  }
  return report;
}

const ComparedFigure* Find(const Comparison& comparison, const std::string& name) {
  for (const ComparedFigure& figure : comparison.figures) {
    if (figure.name == name) return &figure;
  }
  return nullptr;
}

TEST(RatioTest, IsStudentsIntervalOfTheLogarithms) {
  // Paired: log ratios 0.1, 0.2, 0.3; mean 0.2, standard error 0.1 / sqrt(3), t(2) = 4.303.
  const std::vector<double> a = {1, 2, 4};
  const std::vector<double> b = {std::exp(0.1), 2 * std::exp(0.2), 4 * std::exp(0.3)};
  const RatioInterval paired = RatioOf(a, b, true);
  EXPECT_NEAR(std::log(paired.ratio), 0.2, 1e-9);
  EXPECT_NEAR(std::log(paired.low), 0.2 - 4.303 * 0.1 / std::sqrt(3), 1e-6);
  EXPECT_NEAR(std::log(paired.high), 0.2 + 4.303 * 0.1 / std::sqrt(3), 1e-6);
  const RatioInterval apart = RatioOf(a, b, false);
  EXPECT_NEAR(apart.ratio, paired.ratio, 1e-9);
  EXPECT_LT(apart.low, paired.low);  // how much the rounds themselves vary counts
}

TEST(RatioTest, SellsNoiseAsADifferenceInAboutFivePercentOfCases) {
  base::Random random(11);
  int differing = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 6; ++i) {
      a.push_back(1 + 0.3 * random.NextDouble());
      b.push_back(1 + 0.3 * random.NextDouble());
    }
    const RatioInterval interval = RatioOf(a, b, false);
    if (interval.low > 1 || interval.high < 1) ++differing;
  }
  EXPECT_NEAR(static_cast<double>(differing) / kTrials, 0.05, 0.02);
}

TEST(RatioTest, BatchMeansKeepTheMean) {
  EXPECT_EQ(BatchMeans({1, 3, 5, 7}, 2), (std::vector<double>{2, 6}));
  EXPECT_EQ(BatchMeans({1, 3}, 8), (std::vector<double>{1, 3}));
}

TEST(CompareTest, FindsADifferenceAndNoneWhereThereIsNone) {
  const auto same = CompareReports(Report(1, 1, 8), Report(1, 2, 8), false);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_FALSE(Find(*same, "p50")->differs());
  const auto slower = CompareReports(Report(1, 1, 8), Report(1.3, 2, 8), true);
  ASSERT_TRUE(slower.ok()) << slower.status();
  const ComparedFigure* p50 = Find(*slower, "p50");
  ASSERT_NE(p50, nullptr);
  EXPECT_TRUE(p50->differs());
  EXPECT_NEAR(p50->ratio, 1.3, 0.07);
  std::ostringstream text;
  PrintComparison(*slower, text);
  EXPECT_NE(text.str().find("B worse by"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("rounds, alternating"), std::string::npos) << text.str();
}

TEST(CompareTest, TakesMomentsWhereThereAreNoRounds) {
  json report = Report(1, 1, 0);
  for (int i = 0; i < 10; ++i) {
    report["moments"].push_back(
        {{"at_s", i}, {"length_s", 1}, {"answered", 100 + i}, {"p50", 1 + 0.01 * i}});
  }
  const auto found = CompareReports(report, report, false);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->samples, "moments within one run of each");
  EXPECT_FALSE(Find(*found, "requests_per_s")->differs());
}

TEST(CompareTest, RefusesWhatIsNoReportOrTooLittle) {
  const json good = Report(1, 1, 8);
  for (const char* bad :
       {"{}", "[]", "3", R"({"targets":[]})", R"({"sweep":"rate","steps":[]})",
        R"({"latency_ms":{}})", R"({"latency_ms":{},"rounds":7,"moments":{"a":1}})",
        R"({"targets":[{"name":"other"},{"name":"m2"}]})"}) {
    EXPECT_EQ(CompareReports(json::parse(bad), good, false).status().code(),
              StatusCode::kInvalidArgument)
        << bad;
  }
}

SweepReport Sweep(SweepReport::Axis axis, const std::vector<std::pair<double, double>>& steps) {
  SweepReport sweep{.axis = axis, .steps = {}};
  for (const auto& [value, per_second] : steps) {
    BenchReport report;
    report.all.answered = report.all.requests = static_cast<uint64_t>(per_second);
    report.all.elapsed = 1s;
    report.all.latency.Record(std::chrono::milliseconds(static_cast<int>(value)));
    report.targets.push_back({.result = report.all});
    sweep.steps.push_back({.value = value, .report = std::move(report)});
  }
  return sweep;
}

TEST(SweepTest, KneeIsTheLeastConcurrencyWithNearlyAllThroughput) {
  const SweepReport sweep =
      Sweep(SweepReport::Axis::kConcurrency, {{1, 500}, {2, 990}, {4, 1000}, {8, 970}});
  EXPECT_EQ(KneeHint(sweep).substr(0, 9), "2 at a ti") << KneeHint(sweep);
  EXPECT_NE(KneeHint(Sweep(SweepReport::Axis::kConcurrency, {{1, 500}, {2, 900}}))
                .find("may be able to do more"),
            std::string::npos);
}

TEST(SweepTest, KneeIsTheHighestRateThatWasKeptUpWith) {
  SweepReport sweep = Sweep(SweepReport::Axis::kRate, {{1, 100}, {2, 200}, {4, 400}, {50, 800}});
  EXPECT_NE(KneeHint(sweep).find("fell behind"), std::string::npos) << KneeHint(sweep);
  EXPECT_EQ(KneeHint(sweep).substr(0, 4), "4.00");
  sweep.steps[1].report.all.unsent = 5;
  EXPECT_EQ(KneeHint(sweep).substr(0, 4), "1.00");
  std::ostringstream text;
  PrintSweep(sweep, text);
  EXPECT_NE(text.str().find("knee: 1.00 requests/s"), std::string::npos) << text.str();
  EXPECT_EQ(SweepJson(sweep)["steps"].size(), 4U);
}

TEST(PlotTest, TicksCoverTheValues) {
  EXPECT_EQ(PlotTicks(0, 10, false), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(PlotTicks(0.5, 200, true), (std::vector<double>{0.1, 1, 10, 100, 1000}));
  for (const auto& [low, high] : {std::pair{0.0, 0.0}, {3.0, 3.0}, {0.0, 1e-9}, {-5.0, 1e12}}) {
    const std::vector<double> ticks = PlotTicks(low, high, false);
    ASSERT_FALSE(ticks.empty());
    EXPECT_LE(ticks.size(), 12U);
    EXPECT_LE(ticks.front(), low);
    EXPECT_GE(ticks.back(), high);
  }
}

TEST(PlotTest, NumbersAreShort) {
  EXPECT_EQ(PlotNumber(0), "0");
  EXPECT_EQ(PlotNumber(0.5), "0.5");
  EXPECT_EQ(PlotNumber(12.34), "12.3");
  EXPECT_EQ(PlotNumber(123.4), "123");
  EXPECT_EQ(PlotNumber(12345.6), "12,346");
  EXPECT_EQ(PlotNumber(-2000), "-2,000");
}

TEST(PlotTest, LeavesOutWhatCannotBeDrawn) {
  EXPECT_EQ(PlotHtml({.title = "t", .series = {{.name = "s", .points = {{NAN, 1}}}}}), "");
  EXPECT_EQ(PlotHtml({.title = "t", .series = {{.name = "s", .points = {{1, 0}}}}, .y_log = true}),
            "");
  const std::string one = PlotHtml({.title = "<t>", .series = {{.name = "s", .points = {{1, 2}}}}});
  EXPECT_NE(one.find("&lt;t&gt;"), std::string::npos);
  EXPECT_EQ(one.find("nan"), std::string::npos) << one;
}

TEST(BenchHtmlTest, NeedsNoNetworkAndEscapesWhatServersSay) {
  json report = Report(1, 1, 8);
  report["target"] = "<script>";
  report["errors"] = {{{"kind", "status 500"}, {"count", 2}, {"first", "<img src=x>"}}};
  const std::string page = BenchHtml(report);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;img src=x&gt;"), std::string::npos);
  for (const char* away : {"http://www", "https://", "src=\"", "@import", "url("}) {
    EXPECT_EQ(page.find(away), std::string::npos) << away;
  }
  EXPECT_NE(page.find("</html>"), std::string::npos);
}

TEST(BenchHtmlTest, AnyDocumentMakesAPage) {
  for (const char* strange :
       {"{}", R"({"sweep":1,"steps":3})",
        R"({"against":{"a":[]},"comparison":{"figures":[1,"x"]}})", R"({"against":[{},7]})",
        R"({"targets":[1],"moments":[1],"latency_ms":[],"slowest":[{}]})",
        R"({"latency_ms":{"curve":[[1],["a",2],[0.5,1],[1,2]]},"errors":{"a":1},"load":"x"})"}) {
    EXPECT_NE(BenchHtml(json::parse(strange)).find("</html>"), std::string::npos) << strange;
  }
}

}  // namespace
}  // namespace slipway::app

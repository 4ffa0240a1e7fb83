#include "app/bench/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

BenchReport SmallReport() {
  BenchReport report{.server = "http://h", .protocol = "rest"};
  TargetReport target{.facts = {.name = "m", .target = "POST http://h/x", .format = "json"}};
  target.facts.batch = 4;
  target.result.name = "m";
  target.result.requests = 11;
  target.result.answered = 10;
  target.result.rows = 40;
  target.result.elapsed = 2s;
  target.result.errors["status 503"] = {.count = 1, .first = "full"};
  target.result.error_latency.Record(1ms);
  for (int i = 0; i < 10; ++i) target.result.latency.Record(3ms);
  target.result.AddSlow({.due = 1s, .latency = 3ms});
  report.all = target.result;
  report.targets.push_back(std::move(target));
  report.cost = ServerCost{.pids = {42}, .cpu = 100us, .answers = 10, .elapsed = 2s};
  return report;
}

TEST(BenchReportTest, SaysTheSameForPeopleAndPrograms) {
  const BenchReport report = SmallReport();
  const json out = ReportJson(report);
  EXPECT_DOUBLE_EQ(out["requests_per_s"].get<double>(), 5);
  EXPECT_DOUBLE_EQ(out["rows_per_s"].get<double>(), 20);
  EXPECT_DOUBLE_EQ(out["server"]["cpu_us_per_request"].get<double>(), 10);
  EXPECT_NEAR(out["latency_ms"]["p99"].get<double>(), 3, 0.03);
  EXPECT_EQ(out["errors"][0]["kind"], "status 503");
  EXPECT_EQ(out["failed"], 1);
  EXPECT_DOUBLE_EQ(out["error_latency_ms"]["max"].get<double>(), 1);
  EXPECT_EQ(out["target"], "POST http://h/x");
  std::ostringstream text;
  PrintReport(report, text);
  for (const char* part :
       {"11 in 2 s, 1 failed", "5.00 requests/s, 20.00 rows/s", "10.00 us", "process 42",
        "1 x status 503: full", "max 1 ms", "p99.9", "3 ms at 1.00 s"}) {
    EXPECT_NE(text.str().find(part), std::string::npos) << part << "\n" << text.str();
  }
}

TEST(BenchReportTest, SeveralTargetsHaveARowEach) {
  BenchReport report = SmallReport();
  report.targets.push_back(report.targets.front());
  report.targets.back().facts.name = "neighbour";
  report.all.Add(report.targets.back().result);
  const json out = ReportJson(report);
  EXPECT_EQ(out["requests"], 22);
  ASSERT_EQ(out["targets"].size(), 2U);
  EXPECT_EQ(out["targets"][1]["name"], "neighbour");
  EXPECT_EQ(out["targets"][1]["requests"], 11);
  EXPECT_EQ(out["errors"][0]["count"], 2);
  std::ostringstream text;
  PrintReport(report, text);
  EXPECT_NE(text.str().find("neighbour"), std::string::npos) << text.str();
}

TEST(LoadResultTest, KeepsTheSlowestInOrder) {
  LoadResult result;
  const int windows = static_cast<int>(LoadResult::kSlowest) + 2;
  for (int i = 0; i < windows; ++i) {
    const int ms = 1 + i * 7 % windows;  // each of 1 to `windows` once
    result.AddSlow({.due = i * LoadResult::kSlowWindow, .latency = std::chrono::milliseconds(ms)});
  }
  ASSERT_EQ(result.slowest.size(), LoadResult::kSlowest);
  EXPECT_TRUE(std::ranges::is_sorted(result.slowest, std::ranges::greater(), &SlowAnswer::latency));
  EXPECT_EQ(result.slowest.front().latency, std::chrono::milliseconds(windows));
  EXPECT_EQ(result.slowest.back().latency, 3ms);
}

TEST(LoadResultTest, KeepsTheSlowestOfAWindowAlone) {
  LoadResult result;
  for (const int ms : {5, 9, 3}) {
    result.AddSlow({.due = 1ms * ms, .latency = std::chrono::milliseconds(ms)});
  }
  result.AddSlow({.due = LoadResult::kSlowWindow, .latency = 7ms});
  ASSERT_EQ(result.slowest.size(), 2U);
  EXPECT_EQ(result.slowest.front().latency, 9ms);
  EXPECT_EQ(result.slowest.back().latency, 7ms);
}

}  // namespace
}  // namespace slipway::app

#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench/arrivals.h"
#include "app/bench/meter.h"
#include "app/bench/plan.h"
#include "app/bench/result.h"
#include "app/bench/stream.h"

namespace slipway::app {

// What comparisons look at, of one round of a target.
struct RoundFigures {
  double requests_per_s = 0;
  double p50_ms = 0;
  double p90_ms = 0;
  double p99_ms = 0;
  double cpu_us_per_request = 0;  // of the server, whatever the target; 0: not measured
};

// One target of a finished load test.
struct TargetReport {
  TargetFacts facts = {};
  int concurrency = 1;
  int outstanding = 1;
  ArrivalPlan arrivals = {};
  LoadResult result = {};
  std::vector<RoundFigures> rounds = {};  // when the test was run several times
};

// Everything about a finished load test.
struct BenchReport {
  std::string server;    // "http://127.0.0.1:8000"
  std::string protocol;  // "rest", "rest-http2" or "grpc"
  LoadOptions options = {};
  std::chrono::system_clock::time_point measured_from = {};
  std::vector<TargetReport> targets = {};  // at least one
  LoadResult all = {};                     // of them together
  std::optional<ServerCost> cost = {};
  std::string no_server = {};   // why there is none
  double client_cpu_share = 0;  // of one core

  // Takes in `later`, a round of the same test that ran after this.
  void AppendRound(const BenchReport& later);
};

// The report for programs; src/app/bench_report_json.cc. docs/benchmarks.md says what it holds.
nlohmann::json ReportJson(const BenchReport& report);
// The report for people.
void PrintReport(const BenchReport& report, std::ostream& out);
// What will be done, before it is: "2,000 requests/s over up to 32 connections, ...".
void PrintPlan(const BenchPlan& plan, std::ostream& out);

// "closed loop, 32 at a time" or "open loop, 500 requests/s (poisson), up to 32 at a time".
std::string LoadText(const ArrivalPlan& arrivals, int concurrency, int outstanding);
// "poisson", "gamma:4", "on-off:100 ms,400 ms", "trace".
std::string ArrivalsText(const ArrivalPlan& arrivals);
// Whole numbers with thousands, small ones with two decimals.
std::string RateText(double per_second);
std::string Fixed(double value, int decimals);
double Milliseconds(std::chrono::nanoseconds duration);

// The quantiles that every report has.
struct QuantileName {
  const char* name;
  double share;
};
inline constexpr QuantileName kReportQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

// One line about the last second: "   3 s  101,234 requests/s  p50 280 us  p99 610 us  0 errors".
void PrintProgress(std::chrono::nanoseconds since_start, bool warming_up,
                   const LatencyRecorder& second, std::chrono::nanoseconds length, uint64_t errors,
                   std::ostream& out);

}  // namespace slipway::app

#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "app/bench_load.h"

namespace slipway::app {

// What the server's processes used while a load test measured.
struct ServerCost {
  std::vector<int> pids;
  std::chrono::nanoseconds cpu{0};
  uint64_t answers = 0;  // that came in the same time
  std::chrono::nanoseconds elapsed{0};
};

// Everything about a finished load test.
struct BenchReport {
  std::string target;  // "POST http://127.0.0.1:8000/v2/models/m/infer"
  std::string format;  // "json", "binary", or "as given"
  int64_t batch = 1;
  uint64_t request_bytes = 0;
  LoadOptions options;
  LoadResult result;
  std::optional<ServerCost> server;
  std::string no_server;        // why there is none
  double client_cpu_share = 0;  // of one core
};

nlohmann::json ReportJson(const BenchReport& report);
void PrintReport(const BenchReport& report, std::ostream& out);

// One line about the last second: "   3 s  101,234 requests/s  p50 280 us  p99 610 us  0 errors".
void PrintProgress(std::chrono::nanoseconds since_start, bool warming_up,
                   const LatencyRecorder& second, std::chrono::nanoseconds length, uint64_t errors,
                   std::ostream& out);

}  // namespace slipway::app

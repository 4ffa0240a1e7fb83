#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "app/bench/report.h"

namespace slipway::app {

// The same load test again and again, with more load each time.
struct SweepReport {
  enum class Axis : uint8_t { kConcurrency, kRate };
  struct Step {
    double value = 0;  // requests at a time, or a second
    BenchReport report;
  };
  Axis axis = Axis::kConcurrency;
  std::vector<Step> steps;
};

// Where more load stops being worth it, in words. Over concurrency: the least that gives 95 % of
// the highest throughput. Over rates: the highest that the server kept up with (all answered, and
// a p99 of at most 5 times that of the lowest rate).
std::string KneeHint(const SweepReport& sweep);

void PrintSweep(const SweepReport& sweep, std::ostream& out);
nlohmann::json SweepJson(const SweepReport& sweep);

}  // namespace slipway::app

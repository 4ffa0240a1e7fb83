#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::app {

// A request that somebody recorded.
struct TraceLine {
  std::chrono::nanoseconds offset{0};
  std::string model = {};  // "": not said
  int64_t rows = 0;        // 0: not said
  friend bool operator==(const TraceLine&, const TraceLine&) = default;
};

// Reads a trace: CSV without quotes, whose first line names the columns "offset_s" (seconds from
// the start of the trace), "model" and "rows", of which only the first is needed. Lines come back
// in the order of time. kInvalidArgument names the line: an unknown or missing column, a time that
// is negative, not a number or beyond a year, more than 10 million lines, none at all.
base::Result<std::vector<TraceLine>> ParseTrace(std::string_view csv);

}  // namespace slipway::app

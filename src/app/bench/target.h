#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::app {

// A model under load beside others: --target MODEL[@RATE][:FILE]. A value.
struct BenchTarget {
  std::string model;
  double rate = 0;              // requests a second; 0: as --rate says
  std::string input_file = {};  // the body; "": made from the model's description
  friend bool operator==(const BenchTarget&, const BenchTarget&) = default;
};

// "digits@500:body.json", "digits@500", "digits:body.json" or "digits". kInvalidArgument.
base::Result<BenchTarget> ParseBenchTarget(std::string_view text);

// "1,2,4,8": whole numbers from 1 to `most`, or numbers above 0. At least one. kInvalidArgument,
// the message begins with `flag`.
base::Result<std::vector<int>> ParseCounts(std::string_view flag, std::string_view text, int most);
base::Result<std::vector<double>> ParseRates(std::string_view flag, std::string_view text);

}  // namespace slipway::app

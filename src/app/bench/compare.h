#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "base/status.h"

namespace slipway::app {

// A figure of two load tests beside each other.
struct ComparedFigure {
  std::string target;
  std::string name;  // "p99"
  std::string unit;  // "ms"
  double a = 0;
  double b = 0;
  double ratio = 0;  // b / a
  double low = 0;    // the 95 % interval of the ratio
  double high = 0;
  bool better_high = false;

  // Whether the interval leaves out 1: more than noise.
  bool differs() const { return low > 1 || high < 1; }
};

struct Comparison {
  std::string a_name;
  std::string b_name;
  // What the interval is made of: "rounds, alternating", "rounds", or "moments within one run of
  // each".
  std::string samples;
  std::vector<ComparedFigure> figures;
};

// Compares two reports as ReportJson() makes them, target by target. With `paired`, round i of one
// ran beside round i of the other. kInvalidArgument: a report is not one of ours, or the two have
// no target in common, or too little to compare: at least 3 rounds or 5 moments each.
base::Result<Comparison> CompareReports(const nlohmann::json& a, const nlohmann::json& b,
                                        bool paired);

void PrintComparison(const Comparison& comparison, std::ostream& out);
nlohmann::json ComparisonJson(const Comparison& comparison);

// The ratio of the geometric means, b / a, and its 95 % interval by Student's t on the logarithms:
// of the differences when `paired` (as many samples in both, taken side by side), else by Welch's
// degrees of freedom. Samples are above 0, at least two each. Source: Student 1908; Welch 1947.
struct RatioInterval {
  double ratio = 1;
  double low = 0;
  double high = 0;
};
RatioInterval RatioOf(const std::vector<double>& a, const std::vector<double>& b, bool paired);

// Means of up to `batches` stretches of consecutive samples. Neighbours in time resemble each
// other; stretches hardly do.
std::vector<double> BatchMeans(const std::vector<double>& samples, size_t batches);

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::app {

// How one output of an imported model compares with what the framework answered. A value.
struct OutputParity {
  std::string output;
  bool exact = false;      // labels: texts, integers and booleans, which have to be equal
  int64_t values = 0;      // compared
  int64_t mismatches = 0;  // values that are not equal, or beyond the tolerance
  double max_error = 0;    // relative; of numbers below 1e-6 it is the difference in units of 1e-6
};

struct ParityReport {
  int64_t rows = 0;
  double tolerance = 0;
  std::vector<OutputParity> outputs;

  bool passed() const;
  // "30 rows: label: all equal; probabilities: largest relative error 3.2e-16"
  std::string Summary() const;
};

// Runs the rows in `path` through the engine and compares with the answers beside them: an NPZ with
// an array for each input and output, or a CSV with a column for each (NAME, or NAME_0, NAME_1, ...
// as `slipway predict` writes them). Outputs that the file does not have are passed over.
// kInvalidArgument when the file does not fit the model or has no answers.
base::Result<ParityReport> CheckParity(const base::FileSystem& fs, engine::Engine& engine,
                                       const std::string& path, double tolerance);

}  // namespace slipway::app

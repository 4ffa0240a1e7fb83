#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::app {

enum class OutputFormat : uint8_t { kJson, kCsv, kNpy, kNpz };

// The format of that name. kInvalidArgument.
base::Result<OutputFormat> ParseOutputFormat(std::string_view name);

// What a model answered. Borrows the tensors.
struct Prediction {
  std::string_view model;
  std::string_view version;  // "" when it has none
  struct Output {
    std::string_view name;
    const tensor::Tensor* tensor;
  };
  std::vector<Output> outputs;
};

// The prediction as the bytes of a file:
//   JSON  the body of an Open Inference answer, one output to a line; NaN and the infinities
//         as Python writes and reads them
//   CSV   one row for each row of the outputs, which must have equally many; a column for each
//         element of an output's row: "label", or "probability_0", "probability_1"
//   NPY   the only output
//   NPZ   every output under its name
// kInvalidArgument when the outputs do not fit the format.
base::Result<std::string> FormatPrediction(const Prediction& prediction, OutputFormat format);

}  // namespace slipway::app

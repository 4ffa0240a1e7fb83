#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/onnx_model.h"

namespace slipway::import::onnx {

// An output of the graph that was a sequence of maps. Borrows from the model.
struct UnzippedOutput {
  std::string_view name;
  std::vector<std::string> classes;  // names, or numbers as text
};

// Makes each output that a ZipMap gives a tensor of [batch, classes], unless another node takes the
// maps too. In the order of the nodes. kInvalidArgument: a ZipMap's attributes are damaged.
// Source: ONNX, docs/Operators-ml.md, ZipMap.
base::Result<std::vector<UnzippedOutput>> UnzipOutputs(graph::OnnxModel& model);

}  // namespace slipway::import::onnx

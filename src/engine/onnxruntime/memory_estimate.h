#pragma once

#include <cstdint>

#include "graph/onnx_summary.h"

namespace slipway::engine {

// Resident bytes that a model takes at most while it is loaded, and hence while it runs: loading
// needs a multiple of what stays, and what is free again afterwards is there for runs.
//
// Measured with ONNX Runtime 1.31.1 on x86-64, anonymous memory at its peak and after a load, as
// multiples of the weights: dense layers 1.2 and 1.0 (192 MB), 2.5 and 1.0 (8 MB); embeddings 2.0
// and 1.0; convolutions 3.2 and 1.0 (90 MB), 4.2 and 1.2 (6 MB), because their weights are laid out
// anew; external weights 1.1 and 1.0. As multiples of what is not weights: trees 10 and 0.2, string
// tables 11 and 10.
uint64_t EstimateMemory(const graph::OnnxSummary& summary);

}  // namespace slipway::engine

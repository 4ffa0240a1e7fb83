#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/status.h"
#include "graph/onnx_model.h"

namespace slipway::graph {

// The bytes of a tensor that lie in another file: at `offset`, `size` of them. What it gives must
// live as long as the call.
using ExternalBytes = std::function<base::Result<std::string_view>(std::string_view location,
                                                                   uint64_t offset, uint64_t size)>;

// Takes the bytes of all tensors that lie in other files into the model: initializers, and tensors
// in attributes, of the main graph, subgraphs and functions. `read` answers for containment.
// kUnimplemented for sparse tensors in other files, kInvalidArgument for damaged tensors, else what
// `read` says; each with the tensor's name. Source: ONNX, docs/ExternalData.md.
base::Status FoldExternalData(const ExternalBytes& read, OnnxModel& model);

}  // namespace slipway::graph

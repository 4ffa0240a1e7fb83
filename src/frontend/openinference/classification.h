#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// The classification extension: the `classes` largest values of each row of `scores`, largest
// first, as a BYTES tensor of "VALUE:INDEX" or, where `labels` has a name for the index,
// "VALUE:INDEX:LABEL". VALUE is written as std::to_string writes it. NaN counts as smaller than
// everything; equal values keep their order. With `batched` dimension 0 is the batch and the
// answer's shape is [batch, k], else [k], k = min(classes, values in a row).
//
// kInvalidArgument for BOOL, FP16, BF16, BYTES, and tensors of more than 1,000,000 elements.
// Source: Triton, "Classification Extension".
base::Result<tensor::Tensor> Classify(const tensor::TensorView& scores, int64_t classes,
                                      bool batched, std::span<const std::string> labels);

}  // namespace slipway::frontend::openinference

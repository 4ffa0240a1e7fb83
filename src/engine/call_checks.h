#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// What every engine checks before it runs, in the same words.

// kInvalidArgument unless `inputs` fit the signature: dtype, rank, fixed dimensions, none missing.
base::Status CheckInputs(const tensor::Signature& signature,
                         std::span<const tensor::TensorView> inputs);
// kInvalidArgument unless `outputs` are positions in signature.outputs, each once at most.
base::Status CheckOutputs(const tensor::Signature& signature, std::span<const size_t> outputs);
// kCancelled or kDeadlineExceeded; `when` as in "before the model was run".
base::Status Stopped(base::Deadline deadline, std::string_view when);
// "input 'data'", for messages.
std::string InputName(const tensor::TensorSpec& spec);

}  // namespace slipway::engine

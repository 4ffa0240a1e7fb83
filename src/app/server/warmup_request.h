#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::app {

// The tensors of an Open Inference infer request in JSON, one for each input of the signature: what
// lifecycle::RecordedWarmup makes of a file warmup/NAME.json. Errors: those of InferDecoder.
base::Result<std::vector<tensor::Tensor>> DecodeWarmupRequest(std::string body,
                                                              const tensor::Signature& signature);

}  // namespace slipway::app

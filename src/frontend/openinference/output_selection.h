#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "tensor/signature.h"

namespace slipway::frontend::openinference {

// Adds the output of that name to request.outputs. kInvalidArgument: the model has no such output,
// or it is there twice.
base::Status AddOutput(const tensor::Signature& signature, std::string_view name, bool binary,
                       int64_t classes, InferRequest& request);

// Adds every output of the model.
void AddAllOutputs(const tensor::Signature& signature, bool binary, InferRequest& request);

}  // namespace slipway::frontend::openinference

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::app {

// Infer requests and answers as a client writes and reads them: JSON, and the tensors as bytes
// behind it. Source: Open Inference Protocol v2, "Inference"; Triton, "Binary Tensor Data
// Extension".
struct InferBody {
  std::string bytes;
  size_t json_bytes = 0;  // goes into the header inference-header-content-length
};

// Absent inputs are left out; every output is asked for in binary.
InferBody WriteInferRequest(const tensor::Signature& signature,
                            std::span<const tensor::TensorView> inputs,
                            std::span<const size_t> outputs);

// The tensors of `outputs`, positions in the signature, in that order, whether the server wrote
// them in binary or into the JSON. `json_bytes` is the header's value, "" when it was not sent.
// kDataLoss when the answer does not fit the protocol or lacks an output.
base::Result<std::vector<tensor::Tensor>> ReadInferAnswer(const tensor::Signature& signature,
                                                          std::span<const size_t> outputs,
                                                          std::string_view body,
                                                          std::string_view json_bytes);

// The signature in a model's metadata. kDataLoss when it is not as the protocol says. Every input
// is optional: metadata does not say which ones are not.
base::Result<tensor::Signature> ReadMetadata(std::string_view body);

}  // namespace slipway::app

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "frontend/openinference/infer_decoder.h"
#include "frontend/openinference/infer_request.h"
#include "lifecycle/model.h"
#include "net/http_message.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Reads the body of /generate: a flat object whose keys are input tensors, scalars or lists without
// nesting; "id"; and request parameters, also below "parameters". A tensor's shape follows from its
// number of elements: the innermost free dimension takes what the fixed ones leave, the other free
// ones are 1. `decoder` gives the memory. Source: Triton, "Generate Extension".
base::Status DecodeGenerate(std::span<std::byte> body, const tensor::Signature& signature,
                            InferRequest& request, InferDecoder& decoder,
                            std::vector<tensor::TensorView>& inputs);

// Writes the answer: a flat object with every output under its own name, as a scalar where it has
// one element. With `stream` as the one event of a text/event-stream.
base::Status EncodeGenerate(const lifecycle::LoadedModel& model, const InferRequest& request,
                            const std::vector<tensor::Tensor>& results, bool stream,
                            net::HttpResponse& response);

}  // namespace slipway::frontend::openinference

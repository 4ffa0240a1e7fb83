#pragma once

#include <vector>

#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "lifecycle/model.h"
#include "net/http_message.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Writes the answer to an infer request into `response`: JSON outputs into its body, binary ones,
// moved out of `results` without a copy, into its tail, those of request.shared_outputs into shared
// memory. `results` has one tensor for each of request.outputs.
//
// Errors: kInvalidArgument (an output that JSON cannot hold: the message says how to ask for it; a
// classification that is not possible), kInternal (an output does not fit into its shared memory).
// `response` then needs to be made an error.
// Source: KServe, "Open Inference Protocol"; Triton's extensions.
base::Status EncodeInferResponse(const lifecycle::LoadedModel& model, const InferRequest& request,
                                 std::vector<tensor::Tensor>& results, net::HttpResponse& response);

}  // namespace slipway::frontend::openinference

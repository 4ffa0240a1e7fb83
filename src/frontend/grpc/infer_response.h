#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "lifecycle/model.h"
#include "net/grpc_call.h"
#include "tensor/tensor.h"

namespace slipway::frontend::grpc {

// From this size on the bytes of an output are sent from where the engine wrote them; smaller ones
// are copied behind the rest, which is quicker than another piece to send.
inline constexpr size_t kSentInPlaceBytes = size_t{8} * 1024;

// The parameters of a response on a stream, where no metadata can go with it.
struct StreamParameters {
  bool final = true;                    // triton_final_response
  std::string_view digest;              // slipway-model-digest
  std::string_view ignored;             // slipway-warning; "" for none
  std::string_view cache = {};          // slipway-cache; "" for none
  std::string_view diverted_from = {};  // slipway-diverted-from; "" for none
};

// Writes a ModelInferResponse: the outputs always as raw_output_contents, one entry for each in
// their order. `results` has one tensor for each of request.outputs; large ones are moved out of
// it.
//
// Outputs of request.shared_outputs go into shared memory, and their raw contents are empty.
//
// Errors: kInvalidArgument (a classification that is not possible; more than 2^31-1 bytes),
// kInternal (an output does not fit into its shared memory). `reply`
// then needs to be emptied. Source: Triton, grpc_service.proto.
base::Status WriteInferResponse(const lifecycle::LoadedModel& model,
                                const openinference::InferRequest& request,
                                const StreamParameters* stream,
                                std::vector<tensor::Tensor>& results, net::GrpcReply& reply);

// Writes the ModelStreamInferResponse around `response`, which is emptied.
void WrapStreamResponse(net::GrpcReply& response, net::GrpcReply& reply);

// Writes the ModelStreamInferResponse of a request that failed.
void WriteStreamError(std::string_view message, std::string_view model_name,
                      std::string_view model_version, std::string_view id, net::GrpcReply& reply);

}  // namespace slipway::frontend::grpc

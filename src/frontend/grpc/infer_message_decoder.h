#pragma once

#include <vector>

#include "base/status.h"
#include "frontend/grpc/infer_message.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/openinference/input_matcher.h"
#include "frontend/scratch_arena.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::frontend::grpc {

// Turns a ModelInferRequest into tensors that fit a model's signature, by the same rules as the
// JSON of REST (openinference::InferDecoder).
//
// Raw contents become views into the message, without a copy, wherever they lie in it: a TensorView
// need not be aligned, and the engine copies an input whose elements it could not read in place.
// Typed contents are written once into the decoder's memory. Both are valid until the next Decode()
// or Reset(), and as long as the message is. Inputs in shared memory are copied out of it, once.
// Reused. Thread-compatible.
//
// Errors: kInvalidArgument (names the input, what was expected and what came), those of
// RequestRegions. Source: Triton, grpc_service.proto.
class InferMessageDecoder {
 public:
  // `inputs` becomes one view for each input of `signature`, absent where an optional one was left
  // out. `request` should be empty.
  base::Status Decode(const InferMessage& message, const tensor::Signature& signature,
                      openinference::InferRequest& request,
                      std::vector<tensor::TensorView>& inputs);
  void Reset() { arena_.Reset(); }

 private:
  base::Status DecodeInput(const InferMessage& message, const InferInput& input,
                           openinference::InferRequest& request,
                           std::vector<tensor::TensorView>& inputs);
  base::Result<std::span<const std::byte>> DecodeContents(const InferMessage& message,
                                                          const InferInput& input,
                                                          const openinference::MatchedInput& match);
  base::Result<tensor::TensorView> DecodeShared(const InferInput& input, const RegionPlace& place,
                                                const openinference::MatchedInput& match,
                                                RequestRegions& regions);
  std::span<const std::byte> GatherStrings(const InferMessage& message, const InferInput& input);

  openinference::InputMatcher matcher_;
  ScratchArena arena_;
  size_t raw_taken_ = 0;  // entries of raw_inputs
};

// Whether the request asks for "triton_enable_empty_final_response". It changes nothing for models
// that answer each request once, but clients send it.
inline constexpr std::string_view kEmptyFinalResponse = "triton_enable_empty_final_response";

}  // namespace slipway::frontend::grpc

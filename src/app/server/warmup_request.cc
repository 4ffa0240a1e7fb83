#include "app/server/warmup_request.h"

#include <utility>

#include "frontend/openinference/infer_decoder.h"
#include "tensor/json_reader.h"

namespace slipway::app {

using frontend::openinference::InferBody;
using frontend::openinference::InferDecoder;
using frontend::openinference::InferRequest;
using tensor::Tensor;
using tensor::TensorView;

base::Result<std::vector<Tensor>> DecodeWarmupRequest(std::string body,
                                                      const tensor::Signature& signature) {
  const size_t size = body.size();
  body.append(tensor::JsonReader::kPadding, '\0');
  InferDecoder decoder;
  InferRequest request;
  std::vector<TensorView> views;
  const InferBody infer{.json = std::as_writable_bytes(std::span(body.data(), size)), .tail = {}};
  SLIPWAY_RETURN_IF_ERROR(decoder.Decode(infer, signature, request, views));
  std::vector<Tensor> inputs(views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    if (views[i].absent()) continue;
    SLIPWAY_ASSIGN_OR_RETURN(inputs[i], Tensor::CopyOf(views[i]));
  }
  return inputs;
}

}  // namespace slipway::app

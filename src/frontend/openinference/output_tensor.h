#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "frontend/openinference/infer_request.h"
#include "lifecycle/model.h"
#include "tensor/tensor.h"

namespace slipway::frontend::openinference {

// Replaces `tensor` by its classification where the client asked for one. kInvalidArgument names
// the output.
base::Status ClassifyIfAsked(const lifecycle::LoadedModel& model, const RequestedOutput& output,
                             tensor::Tensor& tensor);

// The tensor's memory as a buffer that ends with it.
base::Buffer TakeMemory(tensor::Tensor tensor);

}  // namespace slipway::frontend::openinference

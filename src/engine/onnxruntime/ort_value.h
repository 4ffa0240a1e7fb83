#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "engine/onnxruntime/runtime.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// The runtime's number for a dtype; FP16 to BYTES, all fourteen.
ONNXTensorElementDataType ToOrtType(tensor::DType dtype);

// An OrtValue over `view`'s bytes, for one run: they are borrowed. Bytes that are not aligned for
// the dtype are copied into `copies` first, which must live as long; BYTES are copied into strings
// of the runtime. kInvalidArgument for a BOOL that is neither 0 nor 1: kernels rely on it.
base::Status MakeInput(const Runtime& runtime, const tensor::TensorView& view,
                       std::vector<base::Buffer>& copies, OrtValue*& made);

// An OrtValue over the memory of `tensor`, for the runtime to write into.
base::Status MakeOutput(const Runtime& runtime, tensor::Tensor& tensor, OrtValue*& made);

// A Tensor that takes over `value` and its memory, without copying; BYTES are copied.
// kInternal when the runtime's value is no tensor of that dtype.
base::Result<tensor::Tensor> TakeTensor(ValuePtr value, tensor::DType dtype);

}  // namespace slipway::engine

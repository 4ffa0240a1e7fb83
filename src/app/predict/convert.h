#pragma once

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::app {

// The elements of `from` as `to`, for files whose number type is not quite the model's (NumPy
// writes FP64 where models want FP32).
//
// Allowed: between floating point types, rounded to nearest; from integers to floating point types
// that hold every one of them exactly; between integer types, when every element is in range. Never
// from floating point to integers, and never from or to BOOL or BYTES. Errors: kInvalidArgument,
// with the index of the first element that does not fit.
base::Result<tensor::Tensor> ConvertTensor(const tensor::TensorView& from, tensor::DType to);

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "tensor/dtype.h"

namespace slipway::graph {

// The element types of ONNX, by their numbers in TensorProto.DataType; ONNX Runtime's C API uses
// the same numbers. Source: onnx.proto of ONNX 1.20.
enum class ElementType : int32_t {  // NOLINT(performance-enum-size): any number of a file fits
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3Fn = 17,
  kFloat8E4M3FnUz = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FnUz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

// ONNX's own name, "FLOAT16"; "type 99" for a number that ONNX 1.20 does not define.
std::string ElementTypeName(ElementType type);

// The Open Inference type of the same values; nullopt for those that the protocol lacks (complex
// numbers and everything narrower than 8 bits or of 8-bit floating point).
std::optional<tensor::DType> ToDType(ElementType type);

// Bits of one element; 0 for strings and for types that ONNX does not define.
int BitsOf(ElementType type);

// Bytes of a tensor of that type and shape, its last byte filled up. kInvalidArgument when a
// dimension is negative, the size does not fit 63 bits or the type has no size.
base::Result<uint64_t> ByteSizeOf(ElementType type, std::span<const int64_t> dims);

}  // namespace slipway::graph

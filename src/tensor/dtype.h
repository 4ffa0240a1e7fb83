#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

namespace slipway::tensor {

// The element types of the Open Inference Protocol.
// Source: Open Inference Protocol v2, "Tensor Data Types"; BF16 as Triton adds it.
enum class DType : uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes,
};

inline constexpr size_t kDTypeCount = 14;
inline constexpr std::array<DType, kDTypeCount> kAllDTypes = {
    DType::kBool, DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64,
    DType::kInt8, DType::kInt16, DType::kInt32,  DType::kInt64,  DType::kFp16,
    DType::kBf16, DType::kFp32,  DType::kFp64,   DType::kBytes};

inline constexpr std::array<size_t, kDTypeCount> kDTypeSizes = {1, 1, 2, 4, 8, 1, 2,
                                                                4, 8, 2, 2, 4, 8, 0};
inline constexpr std::array<std::string_view, kDTypeCount> kDTypeNames = {
    "BOOL",  "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16",
    "INT32", "INT64", "FP16",   "BF16",   "FP32",   "FP64", "BYTES"};

// Bytes of one element; 0 for kBytes, whose elements vary (tensor.h says how they lie in memory).
constexpr size_t SizeOf(DType dtype) { return kDTypeSizes[static_cast<size_t>(dtype)]; }

// The protocol's name: "FP32", "BYTES", ...
constexpr std::string_view DTypeName(DType dtype) {
  return kDTypeNames[static_cast<size_t>(dtype)];
}

// The dtype of that exact name, if there is one.
constexpr std::optional<DType> ParseDType(std::string_view name) {
  for (const DType dtype : kAllDTypes) {
    if (DTypeName(dtype) == name) return dtype;
  }
  return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, DType dtype);

// What C++ type holds an element in memory; FP16 and BF16 are held as their bits.
struct Fp16 {
  uint16_t bits;
  friend bool operator==(Fp16, Fp16) = default;
};
struct Bf16 {
  uint16_t bits;
  friend bool operator==(Bf16, Bf16) = default;
};

// IEEE 754 binary16 and bfloat16 to and from binary32 and binary64. To the narrow type: round to
// nearest, ties to even; overflow gives infinity; a NaN stays a (quiet) NaN.
float ToFloat(Fp16 value);
float ToFloat(Bf16 value);
Fp16 ToFp16(double value);
Bf16 ToBf16(double value);

// The DType whose elements are T.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::kUint16;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::kUint32;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::kUint64;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::kInt8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::kInt16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<Fp16> {
  static constexpr DType value = DType::kFp16;
};
template <>
struct DTypeOf<Bf16> {
  static constexpr DType value = DType::kBf16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFp32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFp64;
};

}  // namespace slipway::tensor

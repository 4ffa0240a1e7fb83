#include "graph/element_type.h"

#include <array>
#include <limits>

#include "base/str_cat.h"
#include "tensor/shape.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using tensor::DType;

namespace {

struct Facts {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};

// By number; see ElementType.
constexpr std::array<Facts, 27> kFacts = {{
    {"UNDEFINED", 0, std::nullopt},      {"FLOAT", 32, DType::kFp32},
    {"UINT8", 8, DType::kUint8},         {"INT8", 8, DType::kInt8},
    {"UINT16", 16, DType::kUint16},      {"INT16", 16, DType::kInt16},
    {"INT32", 32, DType::kInt32},        {"INT64", 64, DType::kInt64},
    {"STRING", 0, DType::kBytes},        {"BOOL", 8, DType::kBool},
    {"FLOAT16", 16, DType::kFp16},       {"DOUBLE", 64, DType::kFp64},
    {"UINT32", 32, DType::kUint32},      {"UINT64", 64, DType::kUint64},
    {"COMPLEX64", 64, std::nullopt},     {"COMPLEX128", 128, std::nullopt},
    {"BFLOAT16", 16, DType::kBf16},      {"FLOAT8E4M3FN", 8, std::nullopt},
    {"FLOAT8E4M3FNUZ", 8, std::nullopt}, {"FLOAT8E5M2", 8, std::nullopt},
    {"FLOAT8E5M2FNUZ", 8, std::nullopt}, {"UINT4", 4, std::nullopt},
    {"INT4", 4, std::nullopt},           {"FLOAT4E2M1", 4, std::nullopt},
    {"FLOAT8E8M0", 8, std::nullopt},     {"UINT2", 2, std::nullopt},
    {"INT2", 2, std::nullopt},
}};

const Facts* Find(ElementType type) {
  const auto number = static_cast<int32_t>(type);
  if (number < 0 || static_cast<size_t>(number) >= kFacts.size()) return nullptr;
  return &kFacts[static_cast<size_t>(number)];
}

}  // namespace

std::string ElementTypeName(ElementType type) {
  const Facts* facts = Find(type);
  return facts != nullptr ? std::string(facts->name) : StrCat("type ", static_cast<int32_t>(type));
}

std::optional<DType> ToDType(ElementType type) {
  const Facts* facts = Find(type);
  return facts != nullptr ? facts->dtype : std::nullopt;
}

int BitsOf(ElementType type) {
  const Facts* facts = Find(type);
  return facts != nullptr ? facts->bits : 0;
}

Result<uint64_t> ByteSizeOf(ElementType type, std::span<const int64_t> dims) {
  const int bits = BitsOf(type);
  if (bits == 0) return InvalidArgument(StrCat(ElementTypeName(type), " has no fixed size"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(dims));
  int64_t total_bits = 0;
  if (__builtin_mul_overflow(count, int64_t{bits}, &total_bits) ||
      total_bits > std::numeric_limits<int64_t>::max() - 7) {
    return InvalidArgument(
        StrCat(count, " elements of ", ElementTypeName(type), " exceed the memory of any machine"));
  }
  return static_cast<uint64_t>(total_bits + 7) / 8;
}

}  // namespace slipway::graph

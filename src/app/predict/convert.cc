#include "app/predict/convert.h"

#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/str_cat.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Bf16;
using tensor::DType;
using tensor::Fp16;
using tensor::Tensor;
using tensor::TensorView;

template <typename T>
constexpr bool kIsNarrow = std::same_as<T, Fp16> || std::same_as<T, Bf16>;

// Digits of the significand.
template <typename T>
constexpr int kDigits = std::same_as<T, Fp16>   ? 11
                        : std::same_as<T, Bf16> ? 8
                                                : std::numeric_limits<T>::digits;

template <typename From>
double Widen(From value) {
  if constexpr (kIsNarrow<From>) {
    return static_cast<double>(tensor::ToFloat(value));
  } else {
    return static_cast<double>(value);
  }
}

template <typename To>
To Round(double value) {
  if constexpr (std::same_as<To, Fp16>) {
    return tensor::ToFp16(value);
  } else if constexpr (std::same_as<To, Bf16>) {
    return tensor::ToBf16(value);
  } else {
    return static_cast<To>(value);
  }
}

// False when a finite value would become infinite.
template <typename From, typename To>
bool FloatToFloat(From from, To& to) {
  const double value = Widen(from);
  to = Round<To>(value);
  return std::isfinite(Widen(to)) || !std::isfinite(value);
}

// False when the integer has more digits than the significand.
template <typename From, typename To>
bool IntegerToFloat(From from, To& to) {
  constexpr uint64_t kExact = uint64_t{1} << kDigits<To>;
  const uint64_t magnitude = std::cmp_less(from, 0) ? uint64_t{0} - static_cast<uint64_t>(from)
                                                    : static_cast<uint64_t>(from);
  to = Round<To>(static_cast<double>(from));
  return magnitude <= kExact && std::isfinite(Widen(to));
}

template <typename From, typename To>
bool IntegerToInteger(From from, To& to) {
  if (!std::in_range<To>(from)) return false;
  to = static_cast<To>(from);  // NOLINT(bugprone-signed-char-misuse): it is in range
  return true;
}

template <typename T>
constexpr bool kIsFloat = std::floating_point<T> || kIsNarrow<T>;

template <typename From, typename To>
bool ConvertOne(From from, To& to) {
  if constexpr (kIsFloat<From> && kIsFloat<To>) {
    return FloatToFloat(from, to);
  } else if constexpr (kIsFloat<To>) {
    return IntegerToFloat(from, to);
  } else {
    return IntegerToInteger(from, to);
  }
}

template <typename From, typename To>
Result<Tensor> ConvertAll(const TensorView& from) {
  SLIPWAY_ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(tensor::DTypeOf<To>::value, from.shape()));
  const std::byte* source = from.data().data();
  std::byte* target = out.mutable_data().data();
  for (int64_t i = 0; i < from.element_count(); ++i) {
    From value;
    To converted;
    std::memcpy(&value, source, sizeof(From));
    if (!ConvertOne(value, converted)) {
      return InvalidArgument(
          StrCat("element ", i, " does not fit into ", tensor::DTypeOf<To>::value));
    }
    std::memcpy(target, &converted, sizeof(To));
    source += sizeof(From);
    target += sizeof(To);
  }
  return out;
}

// Calls `use` with a value of the type that holds an element of `dtype`.
template <typename Use>
Result<Tensor> WithNumberType(DType dtype, Use&& use) {
  switch (dtype) {
    case DType::kUint8:
      return use(uint8_t{});
    case DType::kUint16:
      return use(uint16_t{});
    case DType::kUint32:
      return use(uint32_t{});
    case DType::kUint64:
      return use(uint64_t{});
    case DType::kInt8:
      return use(int8_t{});
    case DType::kInt16:
      return use(int16_t{});
    case DType::kInt32:
      return use(int32_t{});
    case DType::kInt64:
      return use(int64_t{});
    case DType::kFp16:
      return use(Fp16{});
    case DType::kBf16:
      return use(Bf16{});
    case DType::kFp32:
      return use(float{});
    case DType::kFp64:
      return use(double{});
    case DType::kBool:
    case DType::kBytes:
      break;
  }
  return InvalidArgument(StrCat(dtype, " is not a number"));
}

}  // namespace

Result<Tensor> ConvertTensor(const TensorView& from, DType to) {
  return WithNumberType(from.dtype(), [&]<typename From>(From) {
    return WithNumberType(to, [&]<typename To>(To) -> Result<Tensor> {
      if constexpr (kIsFloat<From> && !kIsFloat<To>) {
        return InvalidArgument(StrCat("expected ", to, ", got ", from.dtype(),
                                      ": fractions would be lost; convert them on purpose"));
      } else {
        return ConvertAll<From, To>(from);
      }
    });
  });
}

}  // namespace slipway::app

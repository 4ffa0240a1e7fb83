#pragma once

#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/decimal.h"
#include "tensor/dtype.h"

// How one element of each dtype is read from JSON text. Each Read() begins at the element's first
// character; on success it writes the element to `out` and moves `at` behind it (which may be behind
// `end` when the text is cut off: the caller checks), else it returns false.
//
// At least 64 bytes behind `end` are readable.
namespace slipway::tensor::json_element {

inline bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

template <typename T>
void Store(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof(value));
}

inline bool HasWord(const char* at, const char* end, std::string_view word) {
  return std::string_view(at, static_cast<size_t>(end - at)).starts_with(word);
}

// Slow paths, in json_element.cc.
bool ReadLongFloat(const char*& at, const char* end, float& value);
bool ReadLongFloat(const char*& at, const char* end, double& value);
bool ReadLongInteger(const char*& at, const char* end, uint64_t& magnitude, bool& negative);
bool ReadNarrow(const char*& at, const char* end, Fp16& value);
bool ReadNarrow(const char*& at, const char* end, Bf16& value);

struct Float32 {
  static constexpr size_t kSize = sizeof(float);
  static bool Read(const char*& at, const char* end, std::byte* out) {
    decimal::ShortNumber number;
    if (decimal::ReadShortNumber(at, number)) [[likely]] {
      const double exact = decimal::ToDouble(number);
      if (!decimal::IsBetweenFloats(exact)) [[likely]] {
        at += number.length;
        Store(static_cast<float>(exact), out);
        return true;
      }
    }
    float value = 0;
    if (!ReadLongFloat(at, end, value)) return false;
    Store(value, out);
    return true;
  }
};

struct Float64 {
  static constexpr size_t kSize = sizeof(double);
  static bool Read(const char*& at, const char* end, std::byte* out) {
    decimal::ShortNumber number;
    double value = 0;
    if (decimal::ReadShortNumber(at, number)) [[likely]] {
      at += number.length;
      value = decimal::ToDouble(number);
    } else if (!ReadLongFloat(at, end, value)) {
      return false;
    }
    Store(value, out);
    return true;
  }
};

// T is Fp16 or Bf16.
template <typename T>
struct Narrow {
  static constexpr size_t kSize = sizeof(T);
  static bool Read(const char*& at, const char* end, std::byte* out) {
    T value{};
    if (!ReadNarrow(at, end, value)) return false;
    Store(value, out);
    return true;
  }
};

template <typename T>
struct Integer {
  static constexpr size_t kSize = sizeof(T);
  // The largest magnitudes: of a negative number one more, and of one without a sign bit "-0" only.
  static constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<T>::max());
  static constexpr uint64_t kMaxNegative = std::is_signed_v<T> ? kMax + 1 : 0;

  static bool Read(const char*& at, const char* end, std::byte* out) {
    decimal::ShortNumber number;
    const char* stop = at;
    if (decimal::ReadShortNumber(at, number)) [[likely]] {
      if (number.decimals != 0) return false;
      stop += number.length;
    } else if (!ReadLongInteger(stop, end, number.digits, number.negative)) {
      return false;
    }
    if (number.digits > (number.negative ? kMaxNegative : kMax)) return false;
    at = stop;
    Store(static_cast<T>(number.negative ? 0 - number.digits : number.digits), out);
    return true;
  }
};

struct Bool {
  static constexpr size_t kSize = 1;
  static bool Read(const char*& at, const char* end, std::byte* out) {
    const bool value = *at == 't';
    const std::string_view word = value ? "true" : "false";
    if (!HasWord(at, end, word)) return false;
    at += word.size();
    *out = static_cast<std::byte>(value ? 1 : 0);
    return true;
  }
};

}  // namespace slipway::tensor::json_element

#pragma once

#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "tensor/decimal.h"
#include "tensor/dtype.h"

// How one element of each dtype is read from JSON text. There are two ways:
//
//   Convert(number, out)  from what ReadShortNumber() read, ConvertWide() from ReadWideNumber()
//   Read(at, end, out)    from the text itself: begins at the element's first character, at < end,
//                         and on success moves `at` behind it; looks at no byte from `end` on
//
// Both write the element to `out`, or return false: Convert() when Read() must decide, Read() when
// the text is no such element.
namespace slipway::tensor::json_element {

inline bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

template <typename T>
void Store(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof(value));
}

inline bool HasWord(const char* at, const char* end, std::string_view word) {
  return std::string_view(at, static_cast<size_t>(end - at)).starts_with(word);
}

// Numbers of any form, in json_element.cc.
bool ReadFloat(const char*& at, const char* end, float& value);
bool ReadFloat(const char*& at, const char* end, double& value);
bool ReadFloat(const char*& at, const char* end, Fp16& value);
bool ReadFloat(const char*& at, const char* end, Bf16& value);
bool ReadInteger(const char*& at, const char* end, uint64_t& magnitude, bool& negative);

// T is float or double.
template <typename T>
struct Float {
  static constexpr size_t kSize = sizeof(T);
  static bool Convert(const PlainNumber& number, std::byte* out) {
    const double exact = decimal::ToDouble(number);
    Store(static_cast<T>(exact), out);
    if constexpr (sizeof(T) == sizeof(double)) return true;
    return !decimal::IsBetweenFloats(exact);
  }
  static bool ConvertWide(const PlainNumber& number, std::byte* out) {
    T magnitude = 0;
    const int exponent = -static_cast<int>(number.decimals);
    if (!decimal::FromDigits(number.digits, exponent, magnitude)) return false;
    Store(number.negative ? -magnitude : magnitude, out);
    return true;
  }
  static bool Read(const char*& at, const char* end, std::byte* out) {
    T value = 0;
    if (!ReadFloat(at, end, value)) return false;
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
    if (!ReadFloat(at, end, value)) return false;
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

  static bool Convert(const PlainNumber& number, std::byte* out) {
    if (number.digits > (number.negative ? kMaxNegative : kMax) || number.decimals != 0)
      return false;
    Store(static_cast<T>(number.negative ? 0 - number.digits : number.digits), out);
    return true;
  }
  // It has a point.
  static bool ConvertWide(const PlainNumber&, std::byte*) { return false; }
  static bool Read(const char*& at, const char* end, std::byte* out) {
    PlainNumber number{};
    const char* stop = at;
    if (!ReadInteger(stop, end, number.digits, number.negative) || !Convert(number, out))
      return false;
    at = stop;
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

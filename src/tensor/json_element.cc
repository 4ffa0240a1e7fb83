#include "tensor/json_element.h"

#include <cmath>

#include "tensor/json_reader.h"

namespace slipway::tensor::json_element {
namespace {

// Are the 8 bytes at `at` all digits? Source: Lemire 2021, section 5 (SWAR: bytes as one integer).
bool IsEightDigits(uint64_t text) {
  return ((text & 0xF0F0F0F0F0F0F0F0) |
          (((text + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) == 0x3333333333333333;
}

uint64_t EightDigits(uint64_t text) {
  constexpr uint64_t kMask = 0x000000FF000000FF;
  constexpr uint64_t kUpper = 0x000F424000000064;  // 100 + (1000000 << 32)
  constexpr uint64_t kLower = 0x0000271000000001;  // 1 + (10000 << 32)
  text -= 0x3030303030303030;
  text = (text * 10) + (text >> 8);
  return (((text & kMask) * kUpper) + (((text >> 16) & kMask) * kLower)) >> 32;
}

// A number of any length: its first 19 significant digits as an integer times a power of ten.
struct LongNumber {
  uint64_t digits = 0;
  int64_t exponent10 = 0;
  bool negative = false;
  bool cut = false;  // there are more than 19 significant digits: `digits` is of no use
  const char* end = nullptr;
};

// Adds the digits at `at` to `digits` (which wraps when there are too many) and passes them.
void AddDigits(const char*& at, const char* end, uint64_t& digits) {
  uint64_t text = 0;
  while (end - at >= 8) {
    std::memcpy(&text, at, sizeof(text));
    if (!IsEightDigits(text)) break;
    digits = digits * 100'000'000 + EightDigits(text);
    at += 8;
  }
  for (; at < end && IsDigit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
}

// At most 19 digits from the first that is not 0 fit into 64 bits.
bool TooManyDigits(const char* at, const char* end) {
  constexpr int kMaxDigits = 19;
  if (end - at <= kMaxDigits) return false;
  while (at < end && (*at == '0' || *at == '.')) ++at;
  int count = 0;
  for (; at < end && count <= kMaxDigits; ++at) count += *at == '.' ? 0 : 1;
  return count > kMaxDigits;
}

bool ReadExponent(const char*& at, const char* end, int64_t& exponent) {
  ++at;  // the 'e'
  const bool negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) ++at;
  const char* const from = at;
  int64_t value = 0;
  for (; at < end && IsDigit(*at); ++at) {
    if (value < 100'000) value = value * 10 + (*at - '0');
  }
  exponent += negative ? -value : value;
  return at > from;
}

bool ReadLongNumber(const char* at, const char* end, LongNumber& number) {
  number.negative = *at == '-';
  at += number.negative ? 1 : 0;
  const char* const first = at;
  AddDigits(at, end, number.digits);
  if (at == first || (*first == '0' && at - first > 1)) return false;
  if (at < end && *at == '.') {
    const char* const behind = ++at;
    AddDigits(at, end, number.digits);
    if (at == behind) return false;
    number.exponent10 = behind - at;
  }
  number.cut = TooManyDigits(first, at);
  if (at < end && (*at | 0x20) == 'e' && !ReadExponent(at, end, number.exponent10)) return false;
  number.end = at;
  return true;
}

template <typename T>
bool ReadNotFinite(const char*& at, const char* end, T& value) {
  const bool negative = *at == '-';
  const std::string_view word = *at == 'N' ? "NaN" : "Infinity";
  const char* const from = at + (negative ? 1 : 0);
  if (!HasWord(from, end, word) || (negative && *from == 'N')) return false;
  value = *from == 'N' ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
  if (negative) value = -value;
  at = from + word.size();
  return true;
}

template <typename T>
bool ReadAnyFloat(const char*& at, const char* end, T& value) {
  LongNumber number;
  if (!ReadLongNumber(at, end, number)) return ReadNotFinite(at, end, value);
  const bool small = number.exponent10 > -1000 && number.exponent10 < 1000;
  if (!number.cut && small &&
      decimal::FromDigits(number.digits, static_cast<int>(number.exponent10), value)) {
    if (number.negative) value = -value;
  } else if (!decimal::FromText(at, number.end, value)) {
    return false;
  }
  at = number.end;
  return true;
}

// What sets binary16 and bfloat16 apart here: 2^kTop is where infinity would lie on their grid.
constexpr uint16_t InfinityBits(Fp16) { return 0x7C00; }
constexpr uint16_t InfinityBits(Bf16) { return 0x7F80; }
constexpr int InfinityExponent(Fp16) { return 16; }
constexpr int InfinityExponent(Bf16) { return 128; }
Fp16 Round(double value, Fp16) { return ToFp16(value); }
Bf16 Round(double value, Bf16) { return ToBf16(value); }

template <typename T>
double OnGrid(uint16_t bits) {
  if (bits == InfinityBits(T{})) return std::ldexp(1.0, InfinityExponent(T{}));
  return static_cast<double>(ToFloat(T{bits}));
}

// The magnitude of the text as T. `rounded` is that magnitude as a double: where it lies exactly
// between two values of T, the text itself decides, because it may lie beside the middle.
template <typename T>
T RoundOnce(double rounded, const char* at, const char* end) {
  const T nearest = Round(rounded, T{});
  const double value = OnGrid<T>(nearest.bits);
  if (value == rounded) return nearest;
  const auto lower = static_cast<uint16_t>(value < rounded ? nearest.bits : nearest.bits - 1);
  const auto upper = static_cast<uint16_t>(lower + 1);
  if (lower == InfinityBits(T{})) return nearest;
  const double middle = (OnGrid<T>(lower) + OnGrid<T>(upper)) / 2;
  if (middle != rounded) return nearest;
  const int order = decimal::CompareMagnitude(at, end, middle);
  return order == 0 ? nearest : T{order < 0 ? lower : upper};
}

template <typename T>
bool ReadAnyNarrow(const char*& at, const char* end, T& value) {
  const char* const from = at;
  double wide = 0;
  if (!ReadAnyFloat(at, end, wide)) return false;
  if (!std::isfinite(wide)) {
    value = Round(wide, T{});
    return true;
  }
  value = RoundOnce<T>(std::fabs(wide), from, at);
  if (value.bits == InfinityBits(T{})) {
    at = from;
    return false;
  }
  if (std::signbit(wide)) value.bits |= 0x8000;
  return true;
}

}  // namespace

bool ReadFloat(const char*& at, const char* end, float& value) {
  return ReadAnyFloat(at, end, value);
}
bool ReadFloat(const char*& at, const char* end, double& value) {
  return ReadAnyFloat(at, end, value);
}
bool ReadFloat(const char*& at, const char* end, Fp16& value) {
  return ReadAnyNarrow(at, end, value);
}
bool ReadFloat(const char*& at, const char* end, Bf16& value) {
  return ReadAnyNarrow(at, end, value);
}

bool ReadInteger(const char*& at, const char* end, uint64_t& magnitude, bool& negative) {
  negative = *at == '-';
  const char* const first = at + (negative ? 1 : 0);
  const char* stop = first;
  magnitude = 0;
  for (; stop < end && IsDigit(*stop); ++stop) {
    if (__builtin_mul_overflow(magnitude, uint64_t{10}, &magnitude) ||
        __builtin_add_overflow(magnitude, static_cast<uint64_t>(*stop - '0'), &magnitude)) {
      return false;
    }
  }
  if (stop == first || (*first == '0' && stop - first > 1)) return false;
  if (stop < end && (*stop == '.' || (*stop | 0x20) == 'e')) return false;
  at = stop;
  return true;
}

}  // namespace slipway::tensor::json_element

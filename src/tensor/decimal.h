#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

// From the digits of a decimal number to binary32 and binary64, correctly rounded (nearest, ties to
// even). Three ways, each taken when it is exact:
//   1. Up to 15 digits and at most 22 decimals: one division of two exactly held doubles (Clinger 1990).
//      A float is rounded from that double; the rare double that lies exactly between two floats, where
//      rounding twice could differ from rounding once, goes to way 3.
//   2. Up to 19 digits, exponent -27 to 55: one or two 64x64-bit products with a 128-bit power of five.
//      Source: Lemire, "Number Parsing at a Gigabyte per Second", 2021, sections 5 to 8; within these
//      exponents its product never needs the fallback.
//   3. Everything else: std::from_chars on the text.
namespace slipway::tensor::decimal {

inline constexpr std::array<double, 23> kPowersOfTen = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// A number of at most 15 characters, sign and point included, without an exponent.
struct ShortNumber {
  uint64_t digits;     // as an integer, the point left out
  uint32_t decimals;   // digits behind the point
  uint32_t length;     // characters
  bool negative;
};

// Reads one from the 16 bytes at `at`, which must be readable. False when it is no such number (longer,
// an exponent, not by the grammar): the slow path decides.
inline bool ReadShortNumber(const char* at, ShortNumber& number);

#if defined(__SSE4_1__)

// Control for a byte shuffle that moves the bytes up to position `last` to the register's upper end and
// fills with zeros: the 16 bytes from kAlignRight + last on.
alignas(16) inline constexpr std::array<uint8_t, 32> kAlignRight = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0,
    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,   0x80};

inline uint64_t SixteenDigits(__m128i digits) {
  const __m128i tens = _mm_set1_epi16(0x010A);          // bytes 10, 1
  const __m128i hundreds = _mm_set1_epi32(0x00010064);  // 100, 1
  const __m128i ten_thousands = _mm_set1_epi32(0x00012710);
  const __m128i pairs = _mm_maddubs_epi16(digits, tens);
  const __m128i quads = _mm_madd_epi16(pairs, hundreds);
  const __m128i packed = _mm_packus_epi32(quads, quads);
  const auto halves =
      static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_madd_epi16(packed, ten_thousands)));
  return (halves & 0xFFFFFFFF) * 100'000'000 + (halves >> 32);
}

inline bool ReadShortNumber(const char* at, ShortNumber& number) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  __m128i digits = _mm_and_si128(values, is_digit);
  const uint32_t sign = *at == '-' ? 1 : 0;
  const uint32_t others = ~static_cast<uint32_t>(_mm_movemask_epi8(is_digit)) & (0xFFFF ^ sign);
  if (others == 0) return false;
  const auto point = static_cast<uint32_t>(__builtin_ctz(others));
  uint32_t end = point;
  uint32_t decimals = 0;
  if (at[point] == '.') {
    const uint32_t rest = others & (others - 1);
    if (rest == 0) return false;
    end = static_cast<uint32_t>(__builtin_ctz(rest));
    decimals = end - point - 1;
    if (decimals == 0) return false;
    // Close the gap that the point leaves: what is in front of it moves up by one.
    const __m128i positions = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i behind = _mm_cmpgt_epi8(positions, _mm_set1_epi8(static_cast<char>(point)));
    digits = _mm_blendv_epi8(_mm_slli_si128(digits, 1), digits, behind);
  }
  const bool leading_zero = at[sign] == '0' && point - sign > 1;
  if (point == sign || leading_zero || (at[end] | 0x20) == 'e') return false;
  const __m128i align =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kAlignRight.data() + end - 1));
  number.digits = SixteenDigits(_mm_shuffle_epi8(digits, align));
  number.decimals = decimals;
  number.length = end;
  number.negative = sign != 0;
  return true;
}

#else

inline bool ReadShortNumber(const char* at, ShortNumber& number) {
  const char* const begin = at;
  number.negative = *at == '-';
  at += number.negative ? 1 : 0;
  const char* const first = at;
  const auto is_digit = [](char c) { return static_cast<unsigned char>(c - '0') <= 9; };
  uint64_t digits = 0;
  for (; at - begin < 16 && is_digit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
  const auto whole = at - first;
  if (whole == 0 || at - begin >= 15 || (*first == '0' && whole > 1)) return false;
  number.decimals = 0;
  if (*at == '.') {
    const char* const behind = ++at;
    for (; at - begin < 16 && is_digit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    number.decimals = static_cast<uint32_t>(at - behind);
    if (number.decimals == 0 || at - begin >= 16) return false;
  }
  if ((*at | 0x20) == 'e') return false;
  number.digits = digits;
  number.length = static_cast<uint32_t>(at - begin);
  return true;
}

#endif

inline double ToDouble(const ShortNumber& number) {
  const double magnitude =
      static_cast<double>(static_cast<int64_t>(number.digits)) / kPowersOfTen[number.decimals];
  return number.negative ? -magnitude : magnitude;
}

// True when `value` lies exactly between two neighbouring floats.
inline bool IsBetweenFloats(double value) {
  return (std::bit_cast<uint64_t>(value) & 0x1FFFFFFF) == 0x10000000;
}

// digits * 10^exponent10 as binary32 or binary64 by way 1 or 2. False when neither applies.
bool FromDigits(uint64_t digits, int exponent10, float& value);
bool FromDigits(uint64_t digits, int exponent10, double& value);

// What the text of a number [at, end) is: correctly rounded; false when it is out of range. The text
// must be by the grammar of JSON.
bool FromText(const char* at, const char* end, float& value);
bool FromText(const char* at, const char* end, double& value);

// Sign of |decimal text| - |value|, exactly. `value` is finite and not 0.
int CompareMagnitude(const char* at, const char* end, double value);

}  // namespace slipway::tensor::decimal

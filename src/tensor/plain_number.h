#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

namespace slipway::tensor {

// The digits of a number without an exponent, as they were written.
struct PlainNumber {
  uint64_t digits;    // as an integer, the point left out; at most 19 of them
  uint32_t decimals;  // digits behind the point
  bool negative;
};

namespace plain_number_internal {

inline constexpr size_t kBytes = 16;

// Byte shuffles that take the point out: of a number whose point is at position `point` and that
// ends at position `end`, the characters in front of `end`, moved to the upper end of the register,
// zeros in front. A point at the end stands for none.
using Shuffle = std::array<uint8_t, kBytes>;
inline constexpr auto kShuffles = [] {
  std::array<std::array<Shuffle, kBytes + 1>, kBytes + 1> table{};
  for (size_t point = 0; point <= kBytes; ++point) {
    for (size_t end = 0; end <= kBytes; ++end) {
      Shuffle& shuffle = table[point][end];
      shuffle.fill(0x80);
      size_t to = kBytes;
      for (size_t from = end; from-- > 0;) {
        if (from != point) shuffle[--to] = static_cast<uint8_t>(from);
      }
    }
  }
  return table;
}();

#if defined(__SSE4_1__)

// 16 characters of a text as the digits they stand for, in a vector register.
class Block {
 public:
  explicit Block(const char* at) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    digits_ = _mm_and_si128(values, is_digit);
    others_ = ~static_cast<uint32_t>(_mm_movemask_epi8(is_digit)) & 0xFFFF;
  }
  // Bit i: character i is no digit.
  uint32_t others() const { return others_; }
  // The digits in front of `end` as an integer, without the character at `point`; any other that is
  // no digit counts as 0.
  uint64_t Value(size_t point, size_t end) const {
    const __m128i tens = _mm_set1_epi16(0x010A);          // bytes 10, 1
    const __m128i hundreds = _mm_set1_epi32(0x00010064);  // 100, 1
    const __m128i ten_thousands = _mm_set1_epi32(0x00012710);
    const __m128i shuffle =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(kShuffles[point][end].data()));
    const __m128i pairs = _mm_maddubs_epi16(_mm_shuffle_epi8(digits_, shuffle), tens);
    const __m128i quads = _mm_madd_epi16(pairs, hundreds);
    const __m128i packed = _mm_packus_epi32(quads, quads);
    const auto halves =
        static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_madd_epi16(packed, ten_thousands)));
    return (halves & 0xFFFFFFFF) * 100'000'000 + (halves >> 32);
  }

 private:
  __m128i digits_;
  uint32_t others_;
};

#else

// The same without vector registers.
class Block {
 public:
  explicit Block(const char* at) {
    for (size_t i = 0; i < kBytes; ++i) {
      const auto value = static_cast<uint8_t>(at[i] - '0');
      if (value > 9) others_ |= 1U << i;
      digits_[i] = value > 9 ? 0 : value;
    }
  }
  uint32_t others() const { return others_; }
  uint64_t Value(size_t point, size_t end) const {
    uint64_t value = 0;
    for (size_t i = 0; i < end; ++i) {
      if (i != point) value = value * 10 + digits_[i];
    }
    return value;
  }

 private:
  std::array<uint8_t, kBytes> digits_;
  uint32_t others_ = 0;
};

#endif

}  // namespace plain_number_internal

// Both read the number that begins at `at` and return where it ends; nullptr when it is no plain
// number of their length: an exponent, not by the grammar of JSON, too long. What follows it is not
// looked at otherwise. 32 bytes must be readable from `at`, which may be more than the text has:
// the caller checks the end.

// Up to 15 characters, which is every number but floats printed in full. Takes one look at 16
// bytes: which of them are digits, where the first two that are not lie, one byte shuffle to take
// the point out, three multiply-adds for the value of all digits at once.
inline const char* ReadShortNumber(const char* at, PlainNumber& number) {
  const plain_number_internal::Block block(at);
  const uint32_t sign = *at == '-' ? 1 : 0;
  const uint32_t others = block.others() & ~sign;
  if (others == 0) return nullptr;
  const auto point = static_cast<uint32_t>(__builtin_ctz(others));
  uint32_t end = point;
  number.decimals = 0;
  if (at[point] == '.') {
    const uint32_t rest = others & (others - 1);
    if (rest == 0) return nullptr;
    end = static_cast<uint32_t>(__builtin_ctz(rest));
    number.decimals = end - point - 1;
    if (number.decimals == 0) return nullptr;
  }
  const bool leading_zero = at[sign] == '0' && point - sign > 1;
  if (point == sign || leading_zero || (at[end] | 0x20) == 'e') return nullptr;
  number.digits = block.Value(point, end);
  number.negative = sign != 0;
  return at + end;
}

// With a point, and up to 20 characters: floats printed in full.
inline const char* ReadWideNumber(const char* at, PlainNumber& number) {
  using plain_number_internal::Block;
  using plain_number_internal::kBytes;
  constexpr uint32_t kMaxEnd = 20;
  const Block block(at);
  const uint32_t sign = *at == '-' ? 1 : 0;
  const uint32_t others = (block.others() | (Block(at + kBytes).others() << kBytes)) & ~sign;
  const uint32_t rest = others & (others - 1);
  if (rest == 0) return nullptr;
  const auto point = static_cast<uint32_t>(__builtin_ctz(others));
  const auto end = static_cast<uint32_t>(__builtin_ctz(rest));
  const bool leading_zero = at[sign] == '0' && point - sign > 1;
  const bool in_reach = point > sign && point < kBytes - 1 && end >= kBytes && end <= kMaxEnd;
  if (!in_reach || at[point] != '.' || leading_zero || (at[end] | 0x20) == 'e') return nullptr;
  number.digits = block.Value(point, kBytes);
  for (const char* digit = at + kBytes; digit < at + end; ++digit) {
    number.digits = number.digits * 10 + static_cast<uint64_t>(*digit - '0');
  }
  number.decimals = end - point - 1;
  number.negative = sign != 0;
  return at + end;
}

}  // namespace slipway::tensor

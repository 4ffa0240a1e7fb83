#pragma once

#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace slipway::tensor {

// The first byte from `at` on that a JSON string does not hold as it is: a quote, a backslash, a
// control character, or a byte of a non-ASCII character. `end` or a byte behind it when there is
// none. Up to 16 bytes behind `end` are read.
inline const char* FindStringSpecial(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i blank = _mm_set1_epi8(' ');
  for (; at < end; at += 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i
        special =  // bytes from 0x80 on are negative, so "less than a blank" finds them too
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash)),
                     _mm_cmplt_epi8(text, blank));
    const int mask = _mm_movemask_epi8(special);
    if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
  }
  return at;
#else
  for (; at < end; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte == '"' || byte == '\\' || byte < 0x20 || byte >= 0x80) break;
  }
  return at;
#endif
}

// Bytes of the UTF-8 character at `at`; 0 when it is not valid: cut off, overlong, a surrogate, or
// beyond U+10FFFF. Source: RFC 3629, section 4.
inline size_t Utf8Length(const char* at, const char* end) {
  const auto byte = [at](size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto left = static_cast<size_t>(end - at);
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (left == 0) return 0;
  if (byte(0) < 0x80) return 1;
  if (byte(0) < 0xC2) return 0;
  if (byte(0) < 0xE0) return left >= 2 && tail(1) ? 2 : 0;
  if (byte(0) < 0xF0) {
    if (left < 3 || !tail(1) || !tail(2)) return 0;
    if (byte(0) == 0xE0 && byte(1) < 0xA0) return 0;
    return byte(0) == 0xED && byte(1) >= 0xA0 ? 0 : 3;
  }
  if (byte(0) > 0xF4 || left < 4 || !tail(1) || !tail(2) || !tail(3)) return 0;
  if (byte(0) == 0xF0 && byte(1) < 0x90) return 0;
  return byte(0) == 0xF4 && byte(1) >= 0x90 ? 0 : 4;
}

}  // namespace slipway::tensor

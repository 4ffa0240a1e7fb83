#include "tensor/json_number_blocks.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/decimal.h"

namespace slipway::tensor {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

#define SLIPWAY_INLINE_AVX512 SLIPWAY_AVX512 inline __attribute__((always_inline))

constexpr size_t kWindow = 64;
// Numbers that a window can hold, one digit and a comma each, and that are converted together.
constexpr int64_t kMostNumbers = kWindow / 2;
constexpr uint32_t kTogether = 8;
// More digits do not always fit into 64 bits.
constexpr uint8_t kMaxDigits = 19;

using Bytes = std::array<uint8_t, kWindow>;

template <typename Function>
constexpr Bytes MakeBytes(Function function) {
  Bytes bytes{};
  for (size_t i = 0; i < kWindow; ++i) bytes[i] = static_cast<uint8_t>(function(i));
  return bytes;
}

alignas(64) constexpr Bytes kPlaces = MakeBytes([](size_t i) { return i; });
alignas(64) constexpr Bytes kPlacesBefore = MakeBytes([](size_t i) { return i - 1; });
// By byte, in lanes of 8 and of 16: the number of the lane, and how far the byte is from its end.
alignas(64) constexpr Bytes kLanesOf8 = MakeBytes([](size_t i) { return i / 8; });
alignas(64) constexpr Bytes kToEndOf8 = MakeBytes([](size_t i) { return 8 - i % 8; });
alignas(64) constexpr Bytes kLanesOf16 = MakeBytes([](size_t i) { return i / 16; });
alignas(64) constexpr Bytes kToEndOf16 = MakeBytes([](size_t i) { return 16 - i % 16; });

// 10^i and 10^-i, with zeros up to a multiple of 8.
constexpr auto kPowersOfTen = [] {
  std::array<double, 24> powers{};
  std::copy(decimal::kPowersOfTen.begin(), decimal::kPowersOfTen.end(), powers.begin());
  return powers;
}();
constexpr auto kInversePowersOfTen = [] {
  std::array<double, 24> powers{};
  std::transform(decimal::kPowersOfTen.begin(), decimal::kPowersOfTen.end(), powers.begin(),
                 [](double power) { return 1 / power; });
  return powers;
}();

SLIPWAY_INLINE_AVX512 __m512i Load(const Bytes& bytes) { return _mm512_load_si512(bytes.data()); }

// From memory: the compiler would make a value in registers anew in each round.
template <uint8_t Value>
SLIPWAY_INLINE_AVX512 __m512i Bytewise() {
  alignas(64) static constexpr Bytes kBytes = MakeBytes([](size_t) { return Value; });
  return Load(kBytes);
}

// The numbers of a window that end in it, up to the first character that is not as expected.
struct Numbers {
  __m512i digits;        // values of the digits, one byte between numbers; no signs and points
  __m512i ends;          // byte i: where number i ends in `digits`
  __m512i lengths;       // byte i: digits of number i
  __m512i decimals;      // byte i: those of them behind the point
  uint64_t terminators;  // bit i: character i, a comma or the closing bracket, ends a number
  uint64_t commas;       // bit i: character i is one, right or wrong
  uint32_t negative;     // bit i: number i has a minus
  uint32_t count;
  bool closed;      // the last number is that of the list
  uint8_t longest;  // at least the most digits of a number: 8, 16 or kMaxDigits
};

// The first `left` characters at `at`, where a number begins; 64 must be readable.
SLIPWAY_INLINE_AVX512 Numbers FindNumbers(const char* at, size_t left) {
  const __m512i text = _mm512_loadu_si512(at);
  const __m512i values = _mm512_sub_epi8(text, Bytewise<'0'>());
  const uint64_t digit = _mm512_cmple_epu8_mask(values, Bytewise<9>());
  const uint64_t zero = _mm512_testn_epi8_mask(values, values);
  const uint64_t comma = _mm512_cmpeq_epi8_mask(text, Bytewise<','>());
  const uint64_t point = _mm512_cmpeq_epi8_mask(text, Bytewise<'.'>());
  const uint64_t minus = _mm512_cmpeq_epi8_mask(text, Bytewise<'-'>());
  const uint64_t space = _mm512_cmpeq_epi8_mask(text, Bytewise<' '>());
  const uint64_t brackets = _mm512_cmpeq_epi8_mask(text, Bytewise<']'>());
  const uint64_t bracket = brackets & (0 - brackets);  // the first one

  // Each `wrong` bit lies in the number that it spoils, or where that should end.
  const uint64_t begin = (1 | (comma << 1 & ~space) | space << 1);
  const uint64_t negative = minus & begin;
  const uint64_t first_digit = (begin ^ negative) | negative << 1;
  // Adding carries from the first digit behind a point to the end of the digits.
  const uint64_t first_decimal = point << 1;
  const uint64_t decimals_end = ((first_decimal & digit) + digit) & ~digit;
  uint64_t wrong = ~(digit | comma | point | minus | space | bracket);
  wrong |= (minus & ~begin) | (space & ~(comma << 1));
  wrong |= first_digit & ~digit;
  wrong |= zero & first_digit & digit >> 1;
  wrong |= point & ~(digit << 1 & digit >> 1);
  wrong |= decimals_end & ~(comma | bracket);
  if (left < kWindow) wrong |= ~uint64_t{0} << left;

  const uint64_t right = (wrong - 1) & ~wrong;  // below the first wrong one
  const uint64_t up_to_bracket = bracket ^ (bracket - 1);
  Numbers numbers;
  numbers.commas = comma;
  numbers.terminators = (comma | bracket) & right & up_to_bracket;
  numbers.count = static_cast<uint32_t>(__builtin_popcountll(numbers.terminators));
  numbers.closed = (numbers.terminators & bracket) != 0;
  numbers.negative = static_cast<uint32_t>(_pext_u64(minus, begin));

  const uint64_t kept = digit | numbers.terminators;
  const uint64_t decimals_begin = (first_decimal & digit) | (numbers.terminators & ~decimals_end);
  numbers.digits = _mm512_maskz_compress_epi8(kept, values);
  numbers.ends = _mm512_maskz_compress_epi8(_pext_u64(numbers.terminators, kept), Load(kPlaces));
  const __m512i decimals =
      _mm512_maskz_compress_epi8(_pext_u64(decimals_begin, kept), Load(kPlaces));
  numbers.decimals = _mm512_sub_epi8(numbers.ends, decimals);
  // A number begins behind the end of the one before it; the first at 0, behind -1.
  const __m512i ends_before = _mm512_mask_permutexvar_epi8(Bytewise<0xFF>(), ~uint64_t{1},
                                                           Load(kPlacesBefore), numbers.ends);
  numbers.lengths = _mm512_sub_epi8(_mm512_sub_epi8(numbers.ends, ends_before), Bytewise<1>());

  const uint64_t all = (uint64_t{1} << numbers.count) - 1;  // at most 32
  const uint64_t over_8 = all & _mm512_cmpgt_epu8_mask(numbers.lengths, Bytewise<8>());
  numbers.longest = 8;
  if (over_8 != 0) {
    numbers.longest = 16;
    if ((all & _mm512_cmpgt_epu8_mask(numbers.lengths, Bytewise<16>())) != 0) {
      numbers.longest = kMaxDigits;
    }
    const uint64_t too_long = all & _mm512_cmpgt_epu8_mask(numbers.lengths, Bytewise<kMaxDigits>());
    if (too_long != 0) {
      numbers.count = static_cast<uint32_t>(__builtin_ctzll(too_long));
      numbers.terminators &= _pdep_u64(too_long & (0 - too_long), numbers.terminators) - 1;
      numbers.closed = false;
    }
  }
  return numbers;
}

// In pairs of bytes, then of words: the higher one ten times, or a hundred times, the lower one.
SLIPWAY_INLINE_AVX512 __m512i FoursOf(__m512i digits) {
  const __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010A));  // 10, 1
  return _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00010064));                 // 100, 1
}

// The last 8 digits, as integers, of the 8 numbers that end at `ends` and have so many `lengths`;
// byte `first` of both is that of the first one.
SLIPWAY_INLINE_AVX512 __m512i LastEight(__m512i digits, __m512i ends, __m512i lengths,
                                        uint32_t first) {
  const __m512i lanes =
      _mm512_add_epi8(Load(kLanesOf8), _mm512_set1_epi8(static_cast<char>(first)));
  const __m512i to_end = Load(kToEndOf8);
  const __m512i places = _mm512_sub_epi8(_mm512_permutexvar_epi8(lanes, ends), to_end);
  const uint64_t inside = _mm512_cmple_epu8_mask(to_end, _mm512_permutexvar_epi8(lanes, lengths));
  const __m512i fours = FoursOf(_mm512_maskz_permutexvar_epi8(inside, places, digits));
  return _mm512_add_epi64(_mm512_mul_epu32(fours, _mm512_set1_epi64(10'000)),
                          _mm512_srli_epi64(fours, 32));
}

// The last 16 digits of the 4 numbers from `first` on, each twice.
SLIPWAY_INLINE_AVX512 __m512i LastSixteen(const Numbers& numbers, uint32_t first) {
  const __m512i lanes =
      _mm512_add_epi8(Load(kLanesOf16), _mm512_set1_epi8(static_cast<char>(first)));
  const __m512i to_end = Load(kToEndOf16);
  const __m512i places = _mm512_sub_epi8(_mm512_permutexvar_epi8(lanes, numbers.ends), to_end);
  const uint64_t inside =
      _mm512_cmple_epu8_mask(to_end, _mm512_permutexvar_epi8(lanes, numbers.lengths));
  const __m512i fours = FoursOf(_mm512_maskz_permutexvar_epi8(inside, places, numbers.digits));
  const __m512i packed = _mm512_packus_epi32(fours, fours);
  const __m512i eights = _mm512_madd_epi16(packed, _mm512_set1_epi32(0x00012710));  // 10,000, 1
  return _mm512_add_epi64(_mm512_mul_epu32(eights, _mm512_set1_epi64(100'000'000)),
                          _mm512_srli_epi64(eights, 32));
}

// All digits of the 8 numbers from `first` on, of which `wanted` matter. Longest: as in Numbers.
template <uint8_t Longest>
SLIPWAY_INLINE_AVX512 __m512i Magnitudes(const Numbers& numbers, uint32_t first, uint32_t wanted) {
  if constexpr (Longest == 8) {
    return LastEight(numbers.digits, numbers.ends, numbers.lengths, first);
  }
  const __m512i four = LastSixteen(numbers, first);
  const __m512i others = wanted > 4 ? LastSixteen(numbers, first + 4) : four;
  const __m512i low =
      _mm512_permutex2var_epi64(four, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), others);
  if constexpr (Longest == 16) return low;
  const __m512i high = LastEight(numbers.digits, _mm512_sub_epi8(numbers.ends, Bytewise<16>()),
                                 _mm512_subs_epu8(numbers.lengths, Bytewise<16>()), first);
  return _mm512_add_epi64(_mm512_mullo_epi64(high, _mm512_set1_epi64(10'000'000'000'000'000)), low);
}

// By number from `first` on: 8 bytes as 64-bit integers.
SLIPWAY_INLINE_AVX512 __m512i Widened(__m512i bytes, uint32_t first) {
  const __m512i lanes =
      _mm512_add_epi8(Load(kLanesOf8), _mm512_set1_epi8(static_cast<char>(first)));
  return _mm512_maskz_permutexvar_epi8(0x0101010101010101, lanes, bytes);
}

// Element `place` of a table, for 8 places, which are below Longest.
template <uint8_t Longest, size_t Size>
SLIPWAY_INLINE_AVX512 __m512d LookUp(const std::array<double, Size>& table, __m512i places) {
  static_assert(Size >= 24);
  const __m512d first = _mm512_loadu_pd(table.data());
  if constexpr (Longest == 8) return _mm512_permutexvar_pd(places, first);
  const __m512d below_16 = _mm512_permutex2var_pd(first, places, _mm512_loadu_pd(table.data() + 8));
  if constexpr (Longest == 16) return below_16;
  const __mmask8 above = _mm512_cmpgt_epu64_mask(places, _mm512_set1_epi64(15));
  return _mm512_mask_permutexvar_pd(below_16, above, places, _mm512_loadu_pd(table.data() + 16));
}

// Integers divided by powers of ten. Doubles are right up to 2^53. A float may come from a double
// that is off by 3 units in its last place: see DoubtfulOf().
template <typename T, uint8_t Longest>
SLIPWAY_INLINE_AVX512 __m512d Divide(__m512i magnitudes, __m512i decimals) {
  const __m512d values = _mm512_cvtepu64_pd(magnitudes);
  if constexpr (std::is_same_v<T, double>) {
    return _mm512_div_pd(values, LookUp<Longest>(kPowersOfTen, decimals));
  }
  return _mm512_mul_pd(values, LookUp<Longest>(kInversePowersOfTen, decimals));
}

// Which of 8 results of Divide() may be another T than the nearest. Floats of up to 8 digits never
// are: with m digits in all and d of them decimals, a number that is not in the middle of two
// floats is 10^-d * 2^-25 of it away at least, and one that is has no decimal or "5" for its only
// one, which the product hits.
template <typename T>
SLIPWAY_INLINE_AVX512 __mmask8 DoubtfulOf(__m512i magnitudes, __m512d values) {
  if constexpr (std::is_same_v<T, double>) {
    return _mm512_cmpgt_epu64_mask(magnitudes, _mm512_set1_epi64(int64_t{1} << 53));
  }
  constexpr int64_t kDoubt = 4;  // of the last places of a double that a float leaves out
  const __m512i left_out =
      _mm512_and_si512(_mm512_castpd_si512(values), _mm512_set1_epi64(0x1FFFFFFF));
  return _mm512_cmple_epu64_mask(_mm512_sub_epi64(left_out, _mm512_set1_epi64(0x10000000 - kDoubt)),
                                 _mm512_set1_epi64(2 * kDoubt));
}

// Writes the doubtful ones of 8 elements again; returns which of them it could not.
template <typename T>
SLIPWAY_AVX512 __attribute__((noinline)) uint32_t RoundOneByOne(__m512i magnitudes,
                                                                __m512i decimals, uint32_t negative,
                                                                uint32_t doubtful, T* out) {
  alignas(64) std::array<uint64_t, kTogether> digits;
  alignas(64) std::array<int64_t, kTogether> behind_point;
  _mm512_store_si512(digits.data(), magnitudes);
  _mm512_store_si512(behind_point.data(), decimals);
  uint32_t failed = 0;
  for (; doubtful != 0; doubtful &= doubtful - 1) {
    const auto i = static_cast<size_t>(__builtin_ctz(doubtful));
    T magnitude = 0;
    if (!decimal::FromDigits(digits[i], -static_cast<int>(behind_point[i]), magnitude)) {
      failed |= doubtful & (0 - doubtful);
    }
    out[i] = (negative >> i & 1) != 0 ? -magnitude : magnitude;
  }
  return failed;
}

// Writes 8 elements, of the numbers from `first` on, of which `wanted` matter; bit i of what it
// returns: number i of them is no element.
template <typename T, uint8_t Longest>
SLIPWAY_INLINE_AVX512 uint32_t ConvertFloats(const Numbers& numbers, uint32_t first,
                                             uint32_t wanted, T* out) {
  const __m512i magnitudes = Magnitudes<Longest>(numbers, first, wanted);
  const __m512i decimals = Widened(numbers.decimals, first);
  const __m512d values = Divide<T, Longest>(magnitudes, decimals);
  const auto negative = static_cast<__mmask8>(numbers.negative >> first);
  const __m512d signs = _mm512_maskz_mov_pd(negative, _mm512_set1_pd(-0.0));
  const __m512d elements = _mm512_or_pd(values, signs);
  if constexpr (std::is_same_v<T, float>) {
    _mm256_storeu_ps(out, _mm512_cvtpd_ps(elements));
  } else {
    _mm512_storeu_pd(out, elements);
  }
  if constexpr (Longest == 8) return 0;
  const uint32_t doubtful = DoubtfulOf<T>(magnitudes, values) & ((1U << wanted) - 1);
  if (doubtful == 0) return 0;
  return RoundOneByOne(magnitudes, decimals, negative, doubtful, out);
}

template <typename T, uint8_t Longest>
SLIPWAY_INLINE_AVX512 uint32_t ConvertIntegers(const Numbers& numbers, uint32_t first,
                                               uint32_t wanted, T* out) {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<T>::max());
  constexpr uint64_t kMaxNegative = std::is_signed_v<T> ? kMax + 1 : 0;
  const __m512i magnitudes = Magnitudes<Longest>(numbers, first, wanted);
  const auto negative = static_cast<__mmask8>(numbers.negative >> first);
  const __m512i most =
      _mm512_mask_blend_epi64(negative, _mm512_set1_epi64(static_cast<int64_t>(kMax)),
                              _mm512_set1_epi64(static_cast<int64_t>(kMaxNegative)));
  const __m512i values =
      _mm512_mask_sub_epi64(magnitudes, negative, _mm512_setzero_si512(), magnitudes);
  if constexpr (sizeof(T) == 1) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm512_cvtepi64_epi8(values));
  } else if constexpr (sizeof(T) == 2) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi64_epi16(values));
  } else if constexpr (sizeof(T) == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi64_epi32(values));
  } else {
    _mm512_storeu_si512(out, values);
  }
  const __m512i decimals = Widened(numbers.decimals, first);
  return _mm512_cmpgt_epu64_mask(magnitudes, most) | _mm512_test_epi64_mask(decimals, decimals);
}

// Writes the first `count` numbers, and others behind them up to a multiple of 8; returns how many
// of them are elements, up to the first that is not.
template <typename T, uint8_t Longest>
SLIPWAY_INLINE_AVX512 uint32_t Convert(const Numbers& numbers, uint32_t count, T* out) {
  for (uint32_t first = 0; first < count; first += kTogether) {
    const uint32_t wanted = std::min(kTogether, count - first);
    uint32_t wrong = 0;
    if constexpr (std::is_floating_point_v<T>) {
      wrong = ConvertFloats<T, Longest>(numbers, first, wanted, out + first);
    } else {
      wrong = ConvertIntegers<T, Longest>(numbers, first, wanted, out + first);
    }
    if (wrong != 0) return std::min(count, first + static_cast<uint32_t>(__builtin_ctz(wrong)));
  }
  return count;
}

// Apart from the loop below, so that its registers suffice for short numbers.
template <typename T>
SLIPWAY_AVX512 __attribute__((noinline)) uint32_t ConvertLong(const Numbers& numbers,
                                                              uint32_t count, T* out) {
  return numbers.longest == 16 ? Convert<T, 16>(numbers, count, out)
                               : Convert<T, kMaxDigits>(numbers, count, out);
}

// Writes as Convert() does, but nothing behind `room` elements.
template <typename T>
SLIPWAY_INLINE_AVX512 uint32_t Write(const Numbers& numbers, uint32_t count, int64_t room,
                                     std::byte* out) {
  std::array<T, kMostNumbers> spare;
  T* const to = room >= kMostNumbers ? reinterpret_cast<T*>(out) : spare.data();
  const uint32_t written =
      numbers.longest == 8 ? Convert<T, 8>(numbers, count, to) : ConvertLong<T>(numbers, count, to);
  if (to == spare.data()) std::memcpy(out, spare.data(), written * sizeof(T));
  return written;
}

// In place of a type: numbers are passed, and nothing is written.
using Passed = void;

template <typename T>
SLIPWAY_AVX512 NumberBlocks ReadBlocks(const char* at, const char* end, int64_t room,
                                       std::byte* out) {
  NumberBlocks read{at, 0, false};
  while (read.at < end && read.count < room) {
    const Numbers numbers = FindNumbers(read.at, static_cast<size_t>(end - read.at));
    const int64_t left = room - read.count;
    const auto wanted = static_cast<uint32_t>(std::min<int64_t>(numbers.count, left));
    uint32_t got = wanted;
    if constexpr (!std::is_same_v<T, Passed>) {
      got = Write<T>(numbers, wanted, left, out);
      out += got * sizeof(T);
    }
    if (got == 0) break;
    read.count += got;
    if (got < numbers.count) {
      const uint64_t last = _pdep_u64(uint64_t{1} << (got - 1), numbers.terminators);
      read.at += __builtin_ctzll(last) + 1;
      break;
    }
    if (numbers.terminators == numbers.commas) [[likely]] {
      // Where to go on does not wait for what the commas were checked for.
      read.at += 64 - __builtin_clzll(numbers.commas);
    } else {
      read.at += 63 - __builtin_clzll(numbers.terminators);
      read.closed = numbers.closed;
      if (read.closed) break;
      ++read.at;
    }
    if (read.at < end && *read.at == ' ') ++read.at;
  }
  return read;
}

}  // namespace
#endif

NumberBlockReader NumberBlockReaderOf(DType dtype, base::CpuLevel level) {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level < base::CpuLevel::kAvx512) return nullptr;
  switch (dtype) {
    case DType::kUint8:
      return ReadBlocks<uint8_t>;
    case DType::kUint16:
      return ReadBlocks<uint16_t>;
    case DType::kUint32:
      return ReadBlocks<uint32_t>;
    case DType::kUint64:
      return ReadBlocks<uint64_t>;
    case DType::kInt8:
      return ReadBlocks<int8_t>;
    case DType::kInt16:
      return ReadBlocks<int16_t>;
    case DType::kInt32:
      return ReadBlocks<int32_t>;
    case DType::kInt64:
      return ReadBlocks<int64_t>;
    case DType::kFp32:
      return ReadBlocks<float>;
    case DType::kFp64:
      return ReadBlocks<double>;
    case DType::kBool:
    case DType::kFp16:
    case DType::kBf16:
    case DType::kBytes:
      break;
  }
#endif
  static_cast<void>(dtype);
  static_cast<void>(level);
  return nullptr;
}

NumberBlockReader NumberBlockCounter(base::CpuLevel level) {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level >= base::CpuLevel::kAvx512) return ReadBlocks<Passed>;
#endif
  static_cast<void>(level);
  return nullptr;
}

}  // namespace slipway::tensor

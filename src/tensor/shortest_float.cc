#include "tensor/shortest_float.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace slipway::tensor {
namespace {

// A decimal number: digits * 10^exponent.
struct Decimal {
  uint32_t digits;
  int exponent;
};

constexpr int kMantissaBits = 23;
constexpr int kExponentBias = 150;  // of the mantissa as an integer
constexpr int kMinPower = -31;

// For each k from kMinPower on: 10^k, scaled by a power of two into [2^63, 2^64) and rounded up.
constexpr std::array<uint64_t, 77> kPowers = {
    0x81CEB32C4B43FCF5, 0xA2425FF75E14FC32, 0xCAD2F7F5359A3B3F, 0xFD87B5F28300CA0E,
    0x9E74D1B791E07E49, 0xC612062576589DDB, 0xF79687AED3EEC552, 0x9ABE14CD44753B53,
    0xC16D9A0095928A28, 0xF1C90080BAF72CB2, 0x971DA05074DA7BEF, 0xBCE5086492111AEB,
    0xEC1E4A7DB69561A6, 0x9392EE8E921D5D08, 0xB877AA3236A4B44A, 0xE69594BEC44DE15C,
    0x901D7CF73AB0ACDA, 0xB424DC35095CD810, 0xE12E13424BB40E14, 0x8CBCCC096F5088CC,
    0xAFEBFF0BCB24AAFF, 0xDBE6FECEBDEDD5BF, 0x89705F4136B4A598, 0xABCC77118461CEFD,
    0xD6BF94D5E57A42BD, 0x8637BD05AF6C69B6, 0xA7C5AC471B478424, 0xD1B71758E219652C,
    0x83126E978D4FDF3C, 0xA3D70A3D70A3D70B, 0xCCCCCCCCCCCCCCCD, 0x8000000000000000,
    0xA000000000000000, 0xC800000000000000, 0xFA00000000000000, 0x9C40000000000000,
    0xC350000000000000, 0xF424000000000000, 0x9896800000000000, 0xBEBC200000000000,
    0xEE6B280000000000, 0x9502F90000000000, 0xBA43B74000000000, 0xE8D4A51000000000,
    0x9184E72A00000000, 0xB5E620F480000000, 0xE35FA931A0000000, 0x8E1BC9BF04000000,
    0xB1A2BC2EC5000000, 0xDE0B6B3A76400000, 0x8AC7230489E80000, 0xAD78EBC5AC620000,
    0xD8D726B7177A8000, 0x878678326EAC9000, 0xA968163F0A57B400, 0xD3C21BCECCEDA100,
    0x84595161401484A0, 0xA56FA5B99019A5C8, 0xCECB8F27F4200F3A, 0x813F3978F8940985,
    0xA18F07D736B90BE6, 0xC9F2C9CD04674EDF, 0xFC6F7C4045812297, 0x9DC5ADA82B70B59E,
    0xC5371912364CE306, 0xF684DF56C3E01BC7, 0x9A130B963A6C115D, 0xC097CE7BC90715B4,
    0xF0BDC21ABB48DB21, 0x96769950B50D88F5, 0xBC143FA4E250EB32, 0xEB194F8E1AE525FE,
    0x92EFD1B8D0CF37BF, 0xB7ABC627050305AE, 0xE596B7B0C643C71A, 0x8F7E32CE7BEA5C70,
    0xB35DBF821AE4F38C,
};

// "00" to "99".
constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// floor(log10(2^e)), or of 3/4 * 2^e; floor(log2(10^e)). Exact for all e that a binary32 needs.
constexpr int FloorLog10OfPower2(int e) { return (e * 1262611) >> 22; }
constexpr int FloorLog10OfThreeQuarters(int e) { return (e * 1262611 - 524031) >> 22; }
constexpr int FloorLog2OfPower10(int e) { return (e * 1741647) >> 19; }

// power * factor / 2^64; the last bit is set when anything was cut off.
uint32_t MultiplyRoundToOdd(uint64_t power, uint32_t factor) {
  const uint64_t low = (power & 0xFFFFFFFFU) * factor;
  const uint64_t high = (power >> 32) * factor + (low >> 32);
  return static_cast<uint32_t>(high >> 32) | static_cast<uint32_t>((high & 0xFFFFFFFFU) > 1);
}

// The shortest decimal inside the interval that rounds to mantissa * 2^exponent, but for zeros at
// its end; among the shortest the nearest.
Decimal ShortestDecimal(uint32_t mantissa, int exponent, bool lower_is_closer) {
  const uint32_t odd = mantissa & 1U;  // the ends of the interval belong to even mantissas
  const int k =
      lower_is_closer ? FloorLog10OfThreeQuarters(exponent) : FloorLog10OfPower2(exponent);
  const int shift = exponent + FloorLog2OfPower10(-k) + 1;
  const uint64_t power = kPowers[static_cast<size_t>(-k - kMinPower)];
  const uint32_t four = 4 * mantissa;
  const uint32_t value = MultiplyRoundToOdd(power, four << shift);
  const uint32_t lower =
      MultiplyRoundToOdd(power, (four - 2 + (lower_is_closer ? 1U : 0U)) << shift) + odd;
  const uint32_t upper = MultiplyRoundToOdd(power, (four + 2) << shift) - odd;

  const uint32_t digits = value / 4;
  if (digits >= 10) {
    const uint32_t tens = digits / 10;
    const bool below = lower <= 40 * tens;
    const bool above = 40 * tens + 40 <= upper;
    if (below != above) return {tens + (above ? 1U : 0U), k + 1};
  }
  const bool below = lower <= 4 * digits;
  const bool above = 4 * digits + 4 <= upper;
  if (below != above) return {digits + (above ? 1U : 0U), k};
  const uint32_t middle = 4 * digits + 2;
  const bool up = value > middle || (value == middle && (digits & 1U) != 0);
  return {digits + (up ? 1U : 0U), k};
}

Decimal WithoutZeros(Decimal number) {
  if (number.digits % 10 != 0) return number;
  for (; number.digits % 1000 == 0; number.exponent += 3) number.digits /= 1000;
  for (; number.digits % 10 == 0; ++number.exponent) number.digits /= 10;
  return number;
}

int DigitCount(uint32_t digits) {
  constexpr std::array<uint32_t, 10> kTens = {0,      10,      100,      1000,      10000,
                                              100000, 1000000, 10000000, 100000000, 1000000000};
  const int guess = (static_cast<int>(std::bit_width(digits | 1U)) * 1233) >> 12;  // of log10
  return guess + (digits >= kTens[static_cast<size_t>(guess)] ? 1 : 0);
}

// Writes exactly `count` digits.
void WriteDigits(uint32_t digits, int count, char* to) {
  char* at = to + count;
  for (; digits >= 100; digits /= 100)
    std::memcpy(at -= 2, &kDigitPairs[size_t{2} * (digits % 100)], 2);
  if (digits >= 10) {
    std::memcpy(at - 2, &kDigitPairs[size_t{2} * digits], 2);
  } else {
    at[-1] = static_cast<char>('0' + digits);
  }
}

// "d.ddde-05"
char* WriteScientific(uint32_t digits, int count, int exponent, char* to) {
  WriteDigits(digits, count, to + 1);
  to[0] = to[1];
  if (count > 1) {
    to[1] = '.';
    to += count;
  }
  *++to = 'e';
  *++to = exponent < 0 ? '-' : '+';
  std::memcpy(++to, &kDigitPairs[2 * static_cast<size_t>(exponent < 0 ? -exponent : exponent)], 2);
  return to + 2;
}

// The shorter of fixed and scientific notation, fixed when both are equally long. nullptr for an
// integer beyond the mantissa in fixed notation, whose digits are more than the shortest.
char* WriteDecimal(const Decimal& number, char* to) {
  const int count = DigitCount(number.digits);
  const int point = count + number.exponent;  // digits before the decimal point
  const int scientific_size = count + (count > 1 ? 1 : 0) + 4;
  if (point <= 0) {  // 0.00ddd
    if (2 - point + count > scientific_size) {
      return WriteScientific(number.digits, count, point - 1, to);
    }
    constexpr std::string_view kZeros = "0.000000";
    std::memcpy(to, kZeros.data(), kZeros.size());
    WriteDigits(number.digits, count, to + 2 - point);
    return to + 2 - point + count;
  }
  if (number.exponent < 0) {  // dd.ddd, always the shorter
    WriteDigits(number.digits, count, to + 1);
    std::memmove(to, to + 1, static_cast<size_t>(point));
    to[point] = '.';
    return to + count + 1;
  }
  if (point > scientific_size) return WriteScientific(number.digits, count, point - 1, to);
  if (number.exponent > 0) return nullptr;
  WriteDigits(number.digits, count, to);
  return to + count;
}

}  // namespace

char* WriteShortestFloat(float value, char* to) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t fraction = bits & ((1U << kMantissaBits) - 1);
  const auto biased = static_cast<int>((bits >> kMantissaBits) & 0xFFU);
  char* const begin = to;
  if ((bits >> 31) != 0) *to++ = '-';
  if (biased == 0 && fraction == 0) {
    *to = '0';
    return to + 1;
  }
  const bool normal = biased != 0;
  const uint32_t mantissa = normal ? fraction | (1U << kMantissaBits) : fraction;
  const int exponent = (normal ? biased : 1) - kExponentBias;
  Decimal number{};
  if (exponent <= 0 && -exponent <= kMantissaBits &&
      (mantissa & ((1U << -exponent) - 1)) == 0) {  // a small integer
    number = {mantissa >> -exponent, 0};
    const int count = DigitCount(number.digits);
    if (count <= 5) {  // no notation is shorter, zeros at the end or not
      WriteDigits(number.digits, count, to);
      return to + count;
    }
  } else {
    number = ShortestDecimal(mantissa, exponent, fraction == 0 && biased > 1);
  }
  char* const end = WriteDecimal(WithoutZeros(number), to);
  if (end != nullptr) return end;
  return std::to_chars(begin, begin + kMaxFloatText, value).ptr;
}

}  // namespace slipway::tensor

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "tensor/plain_number.h"

// From the digits of a decimal number to binary32 and binary64, correctly rounded (nearest, ties to
// even). Three ways, each taken when it is exact:
//   1. Up to 15 digits and at most 22 decimals: one division of two exactly held doubles (Clinger
//   1990).
//      A float is rounded from that double; the rare double that lies exactly between two floats,
//      where rounding twice could differ from rounding once, goes to way 3.
//   2. Up to 19 digits, exponent -27 to 55: one or two 64x64-bit products with a 128-bit power of
//   five.
//      Source: Lemire, "Number Parsing at a Gigabyte per Second", 2021, sections 5 to 8; within
//      these exponents its product never needs the fallback.
//   3. Everything else: std::from_chars on the text.
namespace slipway::tensor::decimal {

inline constexpr std::array<double, 23> kPowersOfTen = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// At most 15 digits. The sign is set without a branch, which random signs would mispredict.
inline double ToDouble(const PlainNumber& number) {
  const double magnitude =
      static_cast<double>(static_cast<int64_t>(number.digits)) / kPowersOfTen[number.decimals];
  return std::bit_cast<double>(std::bit_cast<uint64_t>(magnitude) |
                               (static_cast<uint64_t>(number.negative) << 63));
}

// True when `value` lies exactly between two neighbouring floats.
inline bool IsBetweenFloats(double value) {
  return (std::bit_cast<uint64_t>(value) & 0x1FFFFFFF) == 0x10000000;
}

// digits * 10^exponent10 as binary32 or binary64 by way 1 or 2. False when neither applies.
bool FromDigits(uint64_t digits, int exponent10, float& value);
bool FromDigits(uint64_t digits, int exponent10, double& value);

// What the text of a number [at, end) is: correctly rounded; false when it is out of range. The
// text must be by the grammar of JSON.
bool FromText(const char* at, const char* end, float& value);
bool FromText(const char* at, const char* end, double& value);

// Sign of |decimal text| - |value|, exactly. `value` is finite and not 0.
int CompareMagnitude(const char* at, const char* end, double value);

}  // namespace slipway::tensor::decimal

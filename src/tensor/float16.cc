#include <bit>
#include <cmath>

#include "tensor/dtype.h"

namespace slipway::tensor {
namespace {

// Rounds `value` to a format with `mantissa_bits` and an exponent of `exponent_bits`, ties to even,
// and returns its bits. Works from binary64 so that a decimal number is rounded once.
uint16_t RoundToBits(double value, int mantissa_bits, int exponent_bits) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const auto infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  if (std::isnan(value)) {
    return static_cast<uint16_t>(sign | infinity | (1 << (mantissa_bits - 1)));
  }
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | infinity);
  if (magnitude == 0) return sign;
  int exponent = std::ilogb(magnitude);
  if (exponent < 1 - bias) exponent = 1 - bias;  // subnormal: the smallest exponent's grid
  // The nearest multiple of the grid step; nearbyint rounds halves to even.
  const double steps = std::nearbyint(std::scalbn(magnitude, mantissa_bits - exponent));
  // steps counts units of 2^(exponent - mantissa_bits); a carry into the exponent comes by itself.
  const double bits = steps + std::ldexp(static_cast<double>(exponent + bias - 1), mantissa_bits);
  if (bits >= infinity) return static_cast<uint16_t>(sign | infinity);
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(bits));
}

}  // namespace

float ToFloat(Fp16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000U) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1FU;
  const uint32_t mantissa = value.bits & 0x3FFU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
  if (exponent != 0) {
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  }
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -magnitude : magnitude;
}

float ToFloat(Bf16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }

Fp16 ToFp16(double value) { return {RoundToBits(value, 10, 5)}; }
Bf16 ToBf16(double value) { return {RoundToBits(value, 7, 8)}; }

}  // namespace slipway::tensor

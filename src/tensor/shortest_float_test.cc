#include "tensor/shortest_float.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace slipway::tensor {
namespace {

std::string Ours(float value) {
  char text[kMaxFloatText];
  return {text, WriteShortestFloat(value, text)};
}

std::string Standard(float value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

TEST(ShortestFloatTest, EveryNotationIsTheStandardLibrarys) {
  for (const float value : {0.0F,
                            -0.0F,
                            1.0F,
                            -1.0F,
                            0.5F,
                            0.1F,
                            0.3F,
                            1e-3F,
                            1e-4F,
                            1.5e-4F,
                            9.99e-5F,
                            123456.0F,
                            100000.0F,
                            120000.0F,
                            16777216.0F,
                            16777217.0F,
                            33554432.0F,
                            1e10F,
                            123456790528.0F,
                            1e38F,
                            3.40282347e38F,
                            1.17549435e-38F,
                            1e-45F,
                            1.4e-45F,
                            8.5899346e9F,
                            0.99999994F,
                            9.5367431e-7F,
                            3.1415927F,
                            2.7182817F,
                            299792458.0F,
                            1.0000001F}) {
    EXPECT_EQ(Ours(value), Standard(value));
    EXPECT_EQ(Ours(-value), Standard(-value));
  }
}

TEST(ShortestFloatTest, AllExponentsAndTheirNeighboursAgree) {
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const uint32_t fraction : {0U, 1U, 2U, 3U, 0x7FFFFFU, 0x7FFFFEU, 0x400000U, 0x2AAAAAU}) {
      const float value = std::bit_cast<float>((exponent << 23) | fraction);
      ASSERT_EQ(Ours(value), Standard(value));
    }
  }
}

TEST(ShortestFloatTest, ValuesAllOverTheRangeAgree) {
  constexpr uint32_t kStep = 2003;  // prime: no bit pattern is left out systematically
  for (uint64_t bits = 0; bits < 0x80000000ULL; bits += kStep) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(Ours(value), Standard(value)) << bits;
  }
}

TEST(ShortestFloatTest, DecimalsOfFewDigitsAgree) {
  for (int digits = 1; digits < 200'000; ++digits) {
    for (const float scale : {1e-7F, 1e-4F, 1e-2F, 1.0F, 10.0F}) {
      const float value = static_cast<float>(digits) * scale;
      ASSERT_EQ(Ours(value), Standard(value));
    }
  }
}

}  // namespace
}  // namespace slipway::tensor

#include "base/city_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace slipway::base {
namespace {

std::string Digits(size_t size) {
  std::string out;
  while (out.size() < size) out += "0123456789";
  out.resize(size);
  return out;
}

struct HashCase {
  std::string text;
  int32_t lower;
};

class CityHashTest : public testing::TestWithParam<HashCase> {};

// The lower 32 bits, as CatBoost 1.2.10 keeps them for a category of that text.
TEST_P(CityHashTest, AgreesWithCatboost) {
  EXPECT_EQ(static_cast<int32_t>(CityHash64V1(GetParam().text)), GetParam().lower);
}

INSTANTIATE_TEST_SUITE_P(
    EveryLength, CityHashTest,
    testing::Values(HashCase{"a", -805065478}, HashCase{"ab", -204718274},
                    HashCase{"abc", 978243121}, HashCase{"abcd", 345588365},
                    HashCase{"abcdefgh", -24192233}, HashCase{"abcdefghi", -1275414319},
                    HashCase{"0123456789abcdef", -1649659113},
                    HashCase{"0123456789abcdefg", -445042630},
                    HashCase{std::string(32, 'x'), 664286079},
                    HashCase{std::string(33, 'y'), -926615273}, HashCase{Digits(64), -1011635339},
                    HashCase{Digits(65), -1705316561}, HashCase{Digits(200), 147607983},
                    HashCase{"gr\xC3\xBCn", -1239201176}, HashCase{"-1", 288298918},
                    HashCase{"nan", 761118297}),
    [](const auto& c) {
      return "Bytes" + std::to_string(c.param.text.size()) + "Case" + std::to_string(c.index);
    });

TEST(CityHashOfNothingTest, IsAConstant) { EXPECT_EQ(CityHash64V1(""), 0x9ae16a3b2f90404fU); }

}  // namespace
}  // namespace slipway::base

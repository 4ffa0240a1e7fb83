// Every code point that Python knows, against what Python says about it.
#include "engine/operators/unicode_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace slipway::engine {
namespace {

struct Known {
  std::map<char32_t, uint32_t> bits;  // of each code point; see scripts/fixtures/unicode_text.py
  std::map<char32_t, std::u32string> lower;
  std::map<uint32_t, uint64_t> decomposed;  // of blocks, a hash
};

Known ReadKnown() {
  Known out;
  std::ifstream file("tests/unicode/python.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    uint64_t first = 0;
    words >> kind >> std::hex >> first;
    if (kind == "c") {
      uint32_t last = 0;
      uint32_t bits = 0;
      words >> last >> bits;
      for (auto c = static_cast<uint32_t>(first); c <= last; ++c) out.bits[c] = bits;
    } else if (kind == "l") {
      for (uint32_t c = 0; words >> c;) out.lower[static_cast<char32_t>(first)].push_back(c);
    } else if (kind == "d") {
      words >> out.decomposed[static_cast<uint32_t>(first)];
    }
  }
  return out;
}

const Known& Python() {
  static const Known kKnown = ReadKnown();
  return kKnown;
}

uint64_t Fnv(const std::string& text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

TEST(UnicodeTextTest, KnowsTheCharactersThatPythonKnows) {
  ASSERT_GT(Python().bits.size(), 280'000U);
  for (const auto& [c, bits] : Python().bits) {
    ASSERT_EQ(IsWordCharacter(c), (bits & 1) != 0) << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(IsSpace(c), (bits & 2) != 0) << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(IsCombining(c), (bits & 4) != 0) << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTextTest, LowersEveryCharacterAsPythonDoes) {
  for (const auto& [c, bits] : Python().bits) {
    const auto changed = Python().lower.find(c);
    const std::u32string same(1, c);
    const std::u32string& want = changed == Python().lower.end() ? same : changed->second;
    ASSERT_EQ(Lower(same), want) << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTextTest, KnowsTheFinalSigmaBesideEveryCharacter) {
  for (const auto& [c, bits] : Python().bits) {
    const auto has_final = [](const std::u32string& text) {
      return Lower(text).find(0x3C2) != std::u32string::npos;
    };
    const std::u32string one(1, c);
    ASSERT_EQ(has_final(U"a\u03A3" + one), (bits & 8) != 0) << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(has_final(U"a\u03A3" + one + U"b"), (bits & 16) != 0)
        << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(has_final(U"a" + one + U"\u03A3"), (bits & 32) != 0)
        << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(has_final(one + U"\u03A3"), (bits & 64) != 0) << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTextTest, DecomposesEveryCharacterAsPythonDoes) {
  std::map<uint32_t, std::string> blocks;
  std::set<uint32_t> changed;
  for (const auto& [c, bits] : Python().bits) {
    const std::u32string one(1, c);
    const std::u32string parts = DecomposeCompatible(one);
    if (parts != one) changed.insert(c >> 8);
    for (const char32_t part : parts) AppendUtf8(blocks[c >> 8], part);
  }
  for (const uint32_t block : changed) {
    EXPECT_TRUE(Python().decomposed.contains(block)) << std::hex << block;
  }
  for (const auto& [block, hash] : Python().decomposed) {
    EXPECT_EQ(Fnv(blocks[block]), hash) << std::hex << block;
  }
}

TEST(UnicodeTextTest, BytesThatAreNoTextBecomeTheReplacement) {
  EXPECT_EQ(DecodeUtf8("a\xFF\xC3\xA9\xE2\x82"), U"a\uFFFD\u00E9\uFFFD\uFFFD");
  EXPECT_EQ(DecodeUtf8("\xED\xA0\x80"), U"\uFFFD\uFFFD\uFFFD");  // a surrogate
}

}  // namespace
}  // namespace slipway::engine

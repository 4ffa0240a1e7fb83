#include "engine/operators/text_analyzer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace slipway::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Options = TextAnalyzerOptions;

std::vector<std::string> Pieces(const Options& options, std::string_view text,
                                std::vector<std::string> stop_words = {}) {
  std::vector<std::string> out;
  TextAnalyzer(options, std::move(stop_words)).Analyze(text, [&](std::string_view piece) {
    out.emplace_back(piece);
  });
  return out;
}

TEST(TextAnalyzerTest, WordsOfOneCharacterAreLeftOut) {
  EXPECT_THAT(Pieces({}, "I saw a DOG, x_1 &\xC3\x84\xC3\xB6!"),
              ElementsAre("saw", "dog", "x_1", "\xC3\xA4\xC3\xB6"));
  EXPECT_THAT(Pieces({.least_length = 1}, "I saw"), ElementsAre("i", "saw"));
  EXPECT_THAT(Pieces({}, ""), IsEmpty());
}

TEST(TextAnalyzerTest, StopWordsGoBeforeRunsAreMade) {
  EXPECT_THAT(Pieces({.least_n = 1, .most_n = 2}, "man of the sea", {"of", "the"}),
              ElementsAre("man", "sea", "man sea"));
  EXPECT_THAT(Pieces({.least_n = 2, .most_n = 9}, "one two three"),
              ElementsAre("one two", "two three", "one two three"));
}

TEST(TextAnalyzerTest, RunsOfWhiteSpaceAreOneCharacter) {
  EXPECT_THAT(Pieces({.unit = Options::Unit::kChar, .least_n = 2, .most_n = 2}, "a \t b\nc"),
              ElementsAre("a ", " b", "b\n", "\nc"));
}

TEST(TextAnalyzerTest, ShortWordsAreOnePiece) {
  EXPECT_THAT(Pieces({.unit = Options::Unit::kCharInWord, .least_n = 3, .most_n = 5}, "ab c"),
              ElementsAre(" ab", "ab ", " ab ", " c "));
}

TEST(TextAnalyzerTest, AccentsGoWithTheirMarksOrWithEverythingBeyondAscii) {
  const std::string text = "caf\xC3\xA9 \xC3\x9F \xEF\xAC\x81re";  // café ß ﬁre
  EXPECT_THAT(Pieces({.accents = Options::Accents::kUnicode, .least_length = 1}, text),
              ElementsAre("cafe", "\xC3\x9F", "fire"));
  EXPECT_THAT(Pieces({.accents = Options::Accents::kAscii, .least_length = 1}, text),
              ElementsAre("cafe", "fire"));
}

// Values of sklearn.utils.murmurhash3_32.
TEST(TextAnalyzerTest, HashesAsScikitLearnDoes) {
  EXPECT_EQ(MurmurHash3(""), 0);
  EXPECT_EQ(MurmurHash3("a"), 1009084850);
  EXPECT_EQ(MurmurHash3("word"), -968174432);
  EXPECT_EQ(MurmurHash3("caf\xC3\xA9s"), 1576906984);
}

}  // namespace
}  // namespace slipway::engine

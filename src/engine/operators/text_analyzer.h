#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace slipway::engine {

// How a text is cut into pieces, as scikit-learn's vectorizers do.
struct TextAnalyzerOptions {
  enum class Unit : uint8_t {
    kWord,        // runs of at least least_length word characters; stop words are left out first
    kChar,        // code points, with runs of white space as one space
    kCharInWord,  // within words between white space, each with a space before and behind
  };
  enum class Accents : uint8_t { kKept, kUnicode, kAscii };

  Unit unit = Unit::kWord;
  Accents accents = Accents::kKept;
  bool lowercase = true;
  int64_t least_n = 1;  // of units in a piece, 1 <= least_n <= most_n <= kMostN
  int64_t most_n = 1;
  int64_t least_length = 2;  // of words, in code points

  static constexpr int64_t kMostN = 100;
};

// Cuts texts into n-grams. A value, immutable after it was made; Analyze() is thread-safe.
// Source: scikit-learn 1.9, sklearn/feature_extraction/text.py.
class TextAnalyzer {
 public:
  TextAnalyzer(const TextAnalyzerOptions& options, std::vector<std::string> stop_words)
      : options_(options), stop_words_(stop_words.begin(), stop_words.end()) {}

  // Gives each piece, in UTF-8, as often as it occurs. The view is valid within the call only.
  // `text` is UTF-8; what is not counts as U+FFFD. Time: the length of the text times the number
  // of sizes.
  void Analyze(std::string_view text, const std::function<void(std::string_view)>& each) const;

 private:
  TextAnalyzerOptions options_;
  std::unordered_set<std::string> stop_words_;
};

// MurmurHash3 for 32 bits, seed 0, with its sign: what scikit-learn hashes pieces by.
// Source: Appleby, MurmurHash3_x86_32 (public domain).
int32_t MurmurHash3(std::string_view text);

}  // namespace slipway::engine

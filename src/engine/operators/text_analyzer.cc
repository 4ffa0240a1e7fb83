#include "engine/operators/text_analyzer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/operators/unicode_text.h"

namespace slipway::engine {
namespace {

using Each = std::function<void(std::string_view)>;

std::u32string Prepared(std::string_view text, const TextAnalyzerOptions& options) {
  std::u32string out = DecodeUtf8(text);
  if (options.lowercase) out = Lower(out);
  if (options.accents == TextAnalyzerOptions::Accents::kKept) return out;
  const bool ascii = options.accents == TextAnalyzerOptions::Accents::kAscii;
  if (std::ranges::all_of(out, [](char32_t c) { return c < 0x80; })) return out;
  out = DecomposeCompatible(out);
  std::erase_if(out, [&](char32_t c) { return ascii ? c >= 0x80 : IsCombining(c); });
  return out;
}

// UTF-8 with the place of each unit, so that n units in a row are one piece of it.
struct Units {
  std::string content;
  std::vector<size_t> begins;
  std::vector<size_t> ends;

  size_t size() const { return begins.size(); }
  void GiveRuns(size_t n, const Each& each) const {
    for (size_t i = 0; i + n <= size(); ++i) {
      each(std::string_view(content).substr(begins[i], ends[i + n - 1] - begins[i]));
    }
  }
};

void GiveAllRuns(const Units& units, const TextAnalyzerOptions& options, const Each& each) {
  const size_t most = std::min(static_cast<size_t>(options.most_n), units.size());
  for (auto n = static_cast<size_t>(options.least_n); n <= most; ++n) units.GiveRuns(n, each);
}

void AddCodePoint(Units& units, char32_t c) {
  units.begins.push_back(units.content.size());
  AppendUtf8(units.content, c);
  units.ends.push_back(units.content.size());
}

// Two or more white spaces become one space; one alone stays what it is.
std::u32string WithSingleSpaces(const std::u32string& text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && IsSpace(text[end])) ++end;
    if (end > i + 1) {
      out.push_back(U' ');
      i = end;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

// A word of fewer than n characters is one piece, given once for the least n that it is too short
// for, and no longer pieces are looked for.
void GiveRunsInWord(const Units& word, const TextAnalyzerOptions& options, const Each& each) {
  for (auto n = static_cast<size_t>(options.least_n); n <= static_cast<size_t>(options.most_n);
       ++n) {
    if (n >= word.size()) {
      each(word.content);
      return;
    }
    word.GiveRuns(n, each);
  }
}

}  // namespace

void TextAnalyzer::Analyze(std::string_view text, const Each& each) const {
  const std::u32string prepared = Prepared(text, options_);
  Units units;
  if (options_.unit == TextAnalyzerOptions::Unit::kWord) {
    std::string word;
    for (size_t i = 0; i < prepared.size();) {
      size_t end = i;
      while (end < prepared.size() && IsWordCharacter(prepared[end])) ++end;
      if (end >= i + static_cast<size_t>(std::max<int64_t>(options_.least_length, 1))) {
        word.clear();
        for (size_t k = i; k < end; ++k) AppendUtf8(word, prepared[k]);
        if (!stop_words_.contains(word)) {
          if (!units.content.empty()) units.content.push_back(' ');
          units.begins.push_back(units.content.size());
          units.content.append(word);
          units.ends.push_back(units.content.size());
        }
      }
      i = std::max(end, i + 1);
    }
    GiveAllRuns(units, options_, each);
    return;
  }
  const std::u32string spaced = WithSingleSpaces(prepared);
  if (options_.unit == TextAnalyzerOptions::Unit::kChar) {
    for (const char32_t c : spaced) AddCodePoint(units, c);
    GiveAllRuns(units, options_, each);
    return;
  }
  for (size_t i = 0; i < spaced.size();) {
    if (IsSpace(spaced[i])) {
      ++i;
      continue;
    }
    units = Units();
    AddCodePoint(units, U' ');
    for (; i < spaced.size() && !IsSpace(spaced[i]); ++i) AddCodePoint(units, spaced[i]);
    AddCodePoint(units, U' ');
    GiveRunsInWord(units, options_, each);
  }
}

int32_t MurmurHash3(std::string_view text) {
  constexpr uint32_t kFirst = 0xcc9e2d51;
  constexpr uint32_t kSecond = 0x1b873593;
  const auto mixed = [](uint32_t k) { return std::rotl(k * kFirst, 15) * kSecond; };
  uint32_t hash = 0;
  size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    uint32_t block = 0;
    std::memcpy(&block, text.data() + i, 4);
    hash = std::rotl(hash ^ mixed(block), 13) * 5 + 0xe6546b64;
  }
  uint32_t tail = 0;
  for (size_t k = text.size(); k > i; --k) {
    tail = tail << 8 | static_cast<unsigned char>(text[k - 1]);
  }
  if (i < text.size()) hash ^= mixed(tail);
  hash ^= static_cast<uint32_t>(text.size());
  hash = (hash ^ hash >> 16) * 0x85ebca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35;
  return static_cast<int32_t>(hash ^ hash >> 16);
}

}  // namespace slipway::engine

#include "engine/operators/unicode_text.h"

#include <utf8proc.h>

#include <array>

namespace slipway::engine {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kCapitalDottedI = 0x130;

utf8proc_category_t CategoryOf(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

// Unicode's Case_Ignorable: marks, modifiers, format characters, and punctuation within words.
bool IsCaseIgnorable(char32_t c) {
  switch (c) {
    case U'\'':
    case U'.':
    case U':':
    case 0xB7:
    case 0x387:
    case 0x55F:
    case 0x5F4:
    case 0x2018:
    case 0x2019:
    case 0x2024:
    case 0x2027:
    case 0xFE13:
    case 0xFE52:
    case 0xFE55:
    case 0xFF07:
    case 0xFF0E:
    case 0xFF1A:
      return true;
    default:
      break;
  }
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return false;
  }
}

// Unicode's Cased, of what is not ignorable: letters with case, and other signs made of them.
bool IsCased(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      break;
  }
  constexpr std::array<std::array<char32_t, 2>, 7> kRanges = {{{0xAA, 0xAA},
                                                               {0xBA, 0xBA},
                                                               {0x2160, 0x217F},
                                                               {0x24B6, 0x24E9},
                                                               {0x1F130, 0x1F149},
                                                               {0x1F150, 0x1F169},
                                                               {0x1F170, 0x1F189}}};
  for (const auto& [first, last] : kRanges) {
    if (c >= first && c <= last) return true;
  }
  return false;
}

// Whether the sigma at `at` ends a word: behind something with case, and before nothing.
bool EndsWord(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && IsCaseIgnorable(text[before - 1])) --before;
  if (before == 0 || !IsCased(text[before - 1])) return false;
  size_t after = at + 1;
  while (after < text.size() && IsCaseIgnorable(text[after])) ++after;
  return after == text.size() || !IsCased(text[after]);
}

}  // namespace

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      out.push_back(static_cast<unsigned char>(text[at++]));
      continue;
    }
    utf8proc_int32_t code_point = 0;
    const auto left = static_cast<utf8proc_ssize_t>(text.size() - at);
    const utf8proc_ssize_t taken = utf8proc_iterate(bytes + at, left, &code_point);
    out.push_back(taken > 0 ? static_cast<char32_t>(code_point) : kReplacement);
    at += taken > 0 ? static_cast<size_t>(taken) : 1;
  }
  return out;
}

void AppendUtf8(std::string& out, char32_t code_point) {
  std::array<utf8proc_uint8_t, 4> bytes = {};
  const utf8proc_ssize_t count =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(count));
}

std::u32string Lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c < 0x80) {
      out.push_back(c >= U'A' && c <= U'Z' ? c + 32 : c);
    } else if (c == kCapitalSigma) {
      out.push_back(EndsWord(text, i) ? 0x3C2 : 0x3C3);
    } else if (c == kCapitalDottedI) {
      out.append({U'i', 0x307});
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

std::u32string DecomposeCompatible(std::u32string_view text) {
  // An enumeration of C that is a set of flags.
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  std::u32string out;
  std::array<utf8proc_int32_t, 32> parts = {};  // the longest is 18
  for (const char32_t c : text) {
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                                static_cast<utf8proc_ssize_t>(parts.size()), kOptions, &boundary);
    if (count < 1 || static_cast<size_t>(count) > parts.size()) {
      out.push_back(c);
      continue;
    }
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      out.push_back(static_cast<char32_t>(parts[i]));
    }
  }
  return out;
}

bool IsCombining(char32_t code_point) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class != 0;
}

bool IsWordCharacter(char32_t c) {
  if (c < 0x80) {
    return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || (c >= U'0' && c <= U'9') ||
           c == U'_';
  }
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0x2028 || c == 0x2029 || CategoryOf(c) == UTF8PROC_CATEGORY_ZS;
}

}  // namespace slipway::engine

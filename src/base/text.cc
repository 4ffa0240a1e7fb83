#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "base/str_cat.h"

namespace slipway::base {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 17> kByteUnits = {{{"", 1},
                                              {"b", 1},
                                              {"kb", 1e3},
                                              {"mb", 1e6},
                                              {"gb", 1e9},
                                              {"tb", 1e12},
                                              {"k", 1024.},
                                              {"kib", 1024.},
                                              {"m", 1048576.},
                                              {"mib", 1048576.},
                                              {"g", 1073741824.},
                                              {"gib", 1073741824.},
                                              {"t", 1099511627776.},
                                              {"tib", 1099511627776.},
                                              {"byte", 1},
                                              {"bytes", 1},
                                              {"ki", 1024.}}};

constexpr std::array<Unit, 8> kDurationUnits = {{{"ns", 1},
                                                 {"us", 1e3},
                                                 {"\xc2\xb5s", 1e3},
                                                 {"ms", 1e6},
                                                 {"s", 1e9},
                                                 {"m", 60e9},
                                                 {"min", 60e9},
                                                 {"h", 3600e9}}};

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

struct NumberAndUnit {
  double number;
  std::string unit;  // lower case
};

Result<NumberAndUnit> SplitUnit(std::string_view text, std::string_view expected) {
  const std::string_view trimmed = TrimWhitespace(text);
  double number = 0;
  const auto [end, error] =
      std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) {
    return InvalidArgument(StrCat("expected ", expected, ", got '", Printable(text), "'"));
  }
  std::string unit(TrimWhitespace(trimmed.substr(static_cast<size_t>(end - trimmed.data()))));
  std::ranges::transform(unit, unit.begin(), ToLower);
  return NumberAndUnit{.number = number, .unit = std::move(unit)};
}

// The number of bytes of the UTF-8 sequence at the start of `text`, 0 when it is not valid.
// Source: RFC 3629, section 4.
size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

constexpr char kHex[] = "0123456789abcdef";

std::string ThreeDigits(double value) {
  char text[32];
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const auto [end, error] =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed, decimals);
  std::string out(text, end);
  if (out.find('.') != std::string::npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  return out;
}

}  // namespace

Result<uint64_t> ParseByteSize(std::string_view text) {
  constexpr std::string_view kExpected = "a byte size such as '64MiB' or '1.5GB'";
  SLIPWAY_ASSIGN_OR_RETURN(const NumberAndUnit parts, SplitUnit(text, kExpected));
  const auto unit = std::ranges::find(kByteUnits, parts.unit, &Unit::name);
  const double bytes = unit == kByteUnits.end() ? -1 : parts.number * unit->factor;
  if (bytes < 0 || bytes > 9e18) {
    return InvalidArgument(StrCat("expected ", kExpected, ", got '", Printable(text), "'"));
  }
  return static_cast<uint64_t>(std::llround(bytes));
}

std::string FormatByteSize(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  return StrCat(ThreeDigits(value), " ", kNames[unit]);
}

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  constexpr std::string_view kExpected = "a duration such as '250us', '30ms' or '5s'";
  SLIPWAY_ASSIGN_OR_RETURN(const NumberAndUnit parts, SplitUnit(text, kExpected));
  if (parts.number == 0 && parts.unit.empty()) return std::chrono::nanoseconds(0);
  const auto unit = std::ranges::find(kDurationUnits, parts.unit, &Unit::name);
  const double nanos = unit == kDurationUnits.end() ? -1 : parts.number * unit->factor;
  if (nanos < 0 || nanos > 9e18) {
    return InvalidArgument(StrCat("expected ", kExpected, ", got '", Printable(text), "'"));
  }
  return std::chrono::nanoseconds(std::llround(nanos));
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  const auto nanos = static_cast<double>(duration.count());
  if (nanos < 1e3) return StrCat(duration.count(), " ns");
  if (nanos < 1e6) return StrCat(ThreeDigits(nanos / 1e3), " us");
  if (nanos < 1e9) return StrCat(ThreeDigits(nanos / 1e6), " ms");
  if (nanos < 120e9) return StrCat(ThreeDigits(nanos / 1e9), " s");
  if (nanos < 7200e9) return StrCat(ThreeDigits(nanos / 60e9), " min");
  return StrCat(ThreeDigits(nanos / 3600e9), " h");
}

std::string_view NearestName(std::string_view name, std::span<const std::string_view> known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j < row.size(); ++j) {
        const size_t substitute =
            diagonal + (ToLower(name[i - 1]) == ToLower(candidate[j - 1]) ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

void AppendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    size_t length = 1;
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\r') {
      out.append("\\r");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (c < 0x20 || c == 0x7F) {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    } else {
      length = Utf8SequenceLength(text);
      if (length == 0) {
        out.append("\xEF\xBF\xBD");
        length = 1;
      } else {
        out.append(text.substr(0, length));
      }
    }
    text.remove_prefix(length);
  }
  out.push_back('"');
}

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string Printable(std::string_view text, size_t max_bytes) {
  std::string out;
  const bool cut = text.size() > max_bytes;
  std::string_view rest = text;
  while (!rest.empty() && text.size() - rest.size() < max_bytes) {
    const auto c = static_cast<unsigned char>(rest[0]);
    const size_t length = Utf8SequenceLength(rest);
    if (length == 0 || c < 0x20 || c == 0x7F) {
      out.append("\\x");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
      rest.remove_prefix(1);
    } else {
      out.append(rest.substr(0, length));
      rest.remove_prefix(length);
    }
  }
  if (cut) out.append("...");
  return out;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return ToLower(x) == ToLower(y); });
}

std::string_view TrimWhitespace(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace slipway::base

#include "import/pickle/literals.h"

#include <charconv>

namespace slipway::import::pickle {
namespace {

std::optional<uint32_t> ParseHex(std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// The byte that a one-letter escape means; nullopt when it means none.
std::optional<char> SimpleEscape(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '\\':
    case '\'':
    case '"':
      return letter;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<uint64_t> ParseIndex(std::string_view line) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseFloat(std::string_view line) {
  double value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return value;
}

void AppendUtf8(std::string& out, uint32_t code_point) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::optional<std::string> DecodeRawUnicodeEscape(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '\\' && i + 1 < line.size();
    const size_t digits = !escape ? 0 : line[i + 1] == 'u' ? 4 : line[i + 1] == 'U' ? 8 : 0;
    if (digits == 0) {
      AppendUtf8(out, static_cast<uint8_t>(line[i]));
      continue;
    }
    if (line.size() - i - 2 < digits) return std::nullopt;
    const auto code_point = ParseHex(line.substr(i + 2, digits));
    if (!code_point || *code_point > 0x10FFFF) return std::nullopt;
    AppendUtf8(out, *code_point);
    i += 1 + digits;
  }
  return out;
}

std::optional<std::string> DecodeQuoted(std::string_view line) {
  if (line.size() < 2 || line.front() != line.back()) return std::nullopt;
  if (line.front() != '\'' && line.front() != '"') return std::nullopt;
  line = line.substr(1, line.size() - 2);
  std::string out;
  out.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out.push_back(line[i]);
      continue;
    }
    if (++i == line.size()) return std::nullopt;
    if (const auto simple = SimpleEscape(line[i])) {
      out.push_back(*simple);
      continue;
    }
    if (line[i] != 'x' || line.size() - i < 3) return std::nullopt;
    const auto byte = ParseHex(line.substr(i + 1, 2));
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    i += 2;
  }
  return out;
}

std::optional<std::string> EncodeLatin1(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead < 0x80) {
      out.push_back(utf8[i]);
      continue;
    }
    // Two bytes reach to U+07FF; those up to U+00FF begin with C2 or C3.
    if ((lead != 0xC2 && lead != 0xC3) || ++i == utf8.size()) return std::nullopt;
    const auto tail = static_cast<uint8_t>(utf8[i]);
    if ((tail & 0xC0) != 0x80) return std::nullopt;
    out.push_back(static_cast<char>(((lead & 0x03) << 6) | (tail & 0x3F)));
  }
  return out;
}

}  // namespace slipway::import::pickle

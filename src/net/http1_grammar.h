#pragma once

#include <array>
#include <cstdint>

namespace slipway::net {

// Which of HTTP/1's character classes a byte belongs to.
enum CharClass : uint8_t {
  kTokenChar = 1,   // tchar of RFC 9110 section 5.6.2
  kFieldChar = 2,   // field-vchar, SP and HTAB of RFC 9110 section 5.5
  kTargetChar = 4,  // pchar, "/" and "?" of RFC 3986, '%' included
  kHexDigit = 8,
  kHostChar = 16,  // uri-host and port of RFC 3986 section 3.2.2
};

constexpr std::array<uint8_t, 256> MakeCharClasses() {
  std::array<uint8_t, 256> table{};
  const auto add = [&table](const char* chars, int classes) {
    for (; *chars != '\0'; ++chars) {
      auto& entry = table[static_cast<uint8_t>(*chars)];
      entry = static_cast<uint8_t>(entry | classes);
    }
  };
  add("!#$%&'*+-.^_`|~", kTokenChar);
  add("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
      kTokenChar | kTargetChar | kHostChar);
  add("0123456789abcdefABCDEF", kHexDigit);
  add("-._~!$&'()*+,;=:%", kTargetChar | kHostChar);
  add("@/?", kTargetChar);
  add("[]", kHostChar);
  for (int c = 0; c < 256; ++c) {
    auto& entry = table[static_cast<size_t>(c)];
    if (c == '\t' || (c >= 0x20 && c != 0x7F)) entry = static_cast<uint8_t>(entry | kFieldChar);
  }
  return table;
}

inline constexpr std::array<uint8_t, 256> kCharClasses = MakeCharClasses();

inline bool Is(char c, CharClass char_class) {
  return (kCharClasses[static_cast<uint8_t>(c)] & char_class) != 0;
}

}  // namespace slipway::net

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slipway::import::pickle {

// The texts of protocol 0. Source: CPython 3.13, Lib/pickletools.py.

// A whole line as an index: decimal digits only.
std::optional<uint64_t> ParseIndex(std::string_view line);
// What repr() writes: "0.1", "1e-05", "inf", "-inf", "nan".
std::optional<double> ParseFloat(std::string_view line);
// "raw-unicode-escape": \uXXXX and \UXXXXXXXX are characters, every other byte is Latin-1. As
// UTF-8; nullopt when an escape is broken.
std::optional<std::string> DecodeRawUnicodeEscape(std::string_view line);
// A literal of Python in its quotes, with the escapes that repr() writes. The bytes that it means.
std::optional<std::string> DecodeQuoted(std::string_view line);

// The bytes that a text of code points up to U+00FF means in Latin-1; nullopt when there is a
// larger one or the text is not UTF-8.
std::optional<std::string> EncodeLatin1(std::string_view utf8);

// Appends the character as UTF-8, surrogates included, as pickle does.
void AppendUtf8(std::string& out, uint32_t code_point);

}  // namespace slipway::import::pickle

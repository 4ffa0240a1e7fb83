#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slipway::engine {

// Text as Python's str has it: code points, and what Unicode 15 says about them. Compared with
// Python over all code points; those that were assigned after a version of Python are the only
// difference. Thread-safe. Source: utf8proc 2.8; CPython 3.11, Objects/unicodeobject.c.

// UTF-8 to code points; each byte that is not UTF-8 becomes U+FFFD.
std::u32string DecodeUtf8(std::string_view text);
void AppendUtf8(std::string& out, char32_t code_point);

// str.lower(), with the two mappings that look at more than one code point: a capital sigma at the
// end of a word, and a capital I with a dot.
std::u32string Lower(std::u32string_view text);

// Normal form KD. Hangul syllables become their letters, ligatures their parts.
std::u32string DecomposeCompatible(std::u32string_view text);
// unicodedata.combining(), whether it is not 0.
bool IsCombining(char32_t code_point);

// \w and \s of Python's re: letters, numbers of any kind and _; white space and separators.
bool IsWordCharacter(char32_t code_point);
bool IsSpace(char32_t code_point);

}  // namespace slipway::engine

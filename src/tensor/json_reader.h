#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace slipway::tensor {

// Reads JSON forwards in one pass, pulled by the caller; makes no tree and allocates nothing.
//
//   JsonReader reader(text);
//   std::string_view key;
//   if (reader.BeginObject()) {
//     while (reader.NextKey(key)) {
//       if (key == "id") reader.ReadString(id); else reader.SkipValue();
//     }
//   }
//   if (!reader.Finish()) return reader.status();
//
// Strict: RFC 8259 and nothing else; strings are valid UTF-8, surrogates come in pairs, nesting
// ends at kMaxDepth. Duplicate keys are the caller's to find, who alone knows the names.
//
// Errors stick: after the first one every call returns false and status() says where it was
// (kInvalid- Argument). Text must be followed by kPadding readable bytes, whose content does not
// matter. A string with escapes is decoded where it lies, so the text of a string may be read once
// only; views point into the text. Thread-compatible. A copy of a reader is a bookmark.
class JsonReader {
 public:
  enum class Kind : uint8_t { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull, kInvalid };

  static constexpr size_t kPadding = 64;
  static constexpr int kMaxDepth = 100;

  explicit JsonReader(std::span<char> text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  // What the next value is, by its first character.
  Kind Peek() {
    SkipBlanks();
    return at_ < end_ ? KindOf(*at_) : Kind::kInvalid;
  }

  bool BeginObject() { return Begin('{', "'{'"); }
  // The next key of the object, its colon passed; false at the end of the object, and on an error.
  bool NextKey(std::string_view& key);
  bool BeginArray() { return Begin('[', "'['"); }
  // True when an element follows; false at the end of the array, and on an error.
  bool NextElement();

  bool ReadString(std::string_view& value);
  bool ReadBool(bool& value);
  // A number without fraction and exponent that fits.
  bool ReadInt64(int64_t& value);
  bool ReadUint64(uint64_t& value);
  // Passes one value of any kind, checking its grammar. Does not recurse.
  bool SkipValue();
  // False unless only blanks are left.
  bool Finish();

  bool ok() const { return expected_ == nullptr; }
  base::Status status() const;

  // For codecs that read a stretch of the text themselves.
  const char* at() const { return at_; }
  const char* end() const { return end_; }
  void set_at(const char* at) { at_ = const_cast<char*>(at); }
  // Always false. `expected` is static text.
  bool Fail(const char* at, const char* expected);

  static bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  void SkipBlanks() {
    while (at_ < end_ && IsBlank(*at_)) ++at_;
  }
  static Kind KindOf(char first);
  // Where the number that begins at `at` ends by the grammar; nullptr when it is none. Looks at no
  // byte from `end` on.
  static const char* NumberEnd(const char* at, const char* end);

 private:
  bool Begin(char bracket, const char* expected);
  bool SkipKey();
  bool PassColon();
  bool Next(char closing, const char* expected);
  // Begins at the quote, leaves at_ behind the closing one.
  bool PassString(bool& escaped);
  bool PassEscape(const char*& at);
  static std::string_view DecodeEscapes(char* from, const char* to);
  bool PassScalar();
  bool PassWord(std::string_view word);

  char* begin_;
  char* at_;
  const char* end_;
  int depth_ = 0;
  bool first_ = false;  // no element of the innermost open bracket was read yet
  const char* expected_ = nullptr;
  const char* error_at_ = nullptr;
};

}  // namespace slipway::tensor

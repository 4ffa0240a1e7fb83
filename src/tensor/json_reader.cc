#include "tensor/json_reader.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <charconv>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/text_scan.h"
#include "tensor/utf8.h"

namespace slipway::tensor {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The value of four hexadecimal digits, or -1.
int HexValue(const char* at) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    int digit = -1;
    if (IsDigit(c)) digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool IsHighSurrogate(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

char SimpleEscape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '"':
    case '\\':
    case '/':
      return c;
    default:
      return 0;
  }
}

// What stands at `at`, as far as a person would call it one thing; never empty.
std::string_view TokenAt(const char* at, const char* end) {
  constexpr std::string_view kDelimiters = ",:]}[{ \t\r\n";
  constexpr size_t kMaxShown = 32;
  const std::string_view rest(at, std::min(static_cast<size_t>(end - at), kMaxShown));
  const size_t size = rest.find_first_of(kDelimiters, 1);
  return rest.substr(0, size);
}

}  // namespace

JsonReader::Kind JsonReader::KindOf(char first) {
  switch (first) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
      return Kind::kTrue;
    case 'f':
      return Kind::kFalse;
    case 'n':
      return Kind::kNull;
    default:
      return first == '-' || IsDigit(first) ? Kind::kNumber : Kind::kInvalid;
  }
}

bool JsonReader::Fail(const char* at, const char* expected) {
  if (ok()) {
    expected_ = expected;
    error_at_ = at < end_ ? at : end_;
  }
  at_ = const_cast<char*>(end_);
  return false;
}

base::Status JsonReader::status() const {
  if (ok()) return base::OkStatus();
  const std::string got = error_at_ == end_
                              ? "the end of the text"
                              : base::StrCat("'", base::Printable(TokenAt(error_at_, end_)), "'");
  return base::InvalidArgument(
      base::StrCat("JSON, byte ", error_at_ - begin_, ": expected ", expected_, ", got ", got));
}

bool JsonReader::Begin(char bracket, const char* expected) {
  SkipBlanks();
  if (at_ >= end_ || *at_ != bracket) return Fail(at_, expected);
  if (++depth_ > kMaxDepth) return Fail(at_, "at most 100 nested brackets");
  ++at_;
  first_ = true;
  return true;
}

bool JsonReader::Next(char closing, const char* expected) {
  if (!ok()) return false;
  SkipBlanks();
  const bool first = first_;
  first_ = false;
  if (at_ < end_ && *at_ == closing) {
    ++at_;
    --depth_;
    return false;
  }
  if (first) return at_ < end_ || Fail(at_, expected);
  if (at_ >= end_ || *at_ != ',') return Fail(at_, expected);
  ++at_;
  return true;
}

bool JsonReader::NextElement() { return Next(']', "',' or ']'"); }

bool JsonReader::NextKey(std::string_view& key) {
  return Next('}', "',' or '}'") && ReadString(key) && PassColon();
}

// As NextKey(), but leaves the key's text as it was: what is skipped may be read later.
bool JsonReader::SkipKey() {
  bool escaped = false;
  if (!Next('}', "',' or '}'")) return false;
  SkipBlanks();
  return PassString(escaped) && PassColon();
}

bool JsonReader::PassColon() {
  SkipBlanks();
  if (at_ >= end_ || *at_ != ':') return Fail(at_, "':'");
  ++at_;
  return true;
}

bool JsonReader::ReadString(std::string_view& value) {
  if (!ok()) return false;
  SkipBlanks();
  char* const from = at_ + 1;
  bool escaped = false;
  if (!PassString(escaped)) return false;
  const char* const to = at_ - 1;
  value =
      escaped ? DecodeEscapes(from, to) : std::string_view(from, static_cast<size_t>(to - from));
  return true;
}

bool JsonReader::PassString(bool& escaped) {
  if (at_ >= end_ || *at_ != '"') return Fail(at_, "a string");
  const char* at = at_ + 1;
  for (;;) {
    at = FindStringSpecial(at, end_);
    if (at >= end_) return Fail(end_, "the end of a string");
    const char c = *at;
    if (c == '"') break;
    if (c == '\\') {
      escaped = true;
      if (!PassEscape(at)) return false;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      return Fail(at, "control characters to be escaped");
    } else {
      const size_t length = Utf8Length(at, end_);
      if (length == 0) return Fail(at, "valid UTF-8");
      at += length;
    }
  }
  at_ = const_cast<char*>(at) + 1;
  return true;
}

bool JsonReader::PassEscape(const char*& at) {
  if (end_ - at < 2) return Fail(end_, "the end of a string");
  if (at[1] != 'u') {
    if (SimpleEscape(at[1]) == 0) return Fail(at + 1, "an escape sequence");
    at += 2;
    return true;
  }
  const int unit = end_ - at < 6 ? -1 : HexValue(at + 2);
  if (unit < 0) return Fail(at, "four hexadecimal digits after '\\u'");
  if (IsLowSurrogate(unit)) return Fail(at, "surrogates in pairs");
  if (IsHighSurrogate(unit)) {
    const bool paired =
        end_ - at >= 12 && at[6] == '\\' && at[7] == 'u' && IsLowSurrogate(HexValue(at + 8));
    if (!paired) return Fail(at, "surrogates in pairs");
    at += 6;
  }
  at += 6;
  return true;
}

// PassString() has checked the text. What comes out is never longer than what went in.
std::string_view JsonReader::DecodeEscapes(char* from, const char* to) {
  char* out = from;
  for (const char* at = from; at < to;) {
    if (*at != '\\') {
      *out++ = *at++;
    } else if (at[1] != 'u') {
      *out++ = SimpleEscape(at[1]);
      at += 2;
    } else {
      int point = HexValue(at + 2);
      at += 6;
      if (IsHighSurrogate(point)) {
        point = 0x10000 + ((point - 0xD800) << 10) + (HexValue(at + 2) - 0xDC00);
        at += 6;
      }
      out = EncodeUtf8(static_cast<uint32_t>(point), out);
    }
  }
  return {from, static_cast<size_t>(out - from)};
}

bool JsonReader::PassWord(std::string_view word) {
  if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word) {
    return Fail(at_, "a value");
  }
  at_ += word.size();
  return true;
}

bool JsonReader::ReadBool(bool& value) {
  const Kind kind = Peek();
  if (kind != Kind::kTrue && kind != Kind::kFalse) return Fail(at_, "true or false");
  value = kind == Kind::kTrue;
  return PassWord(value ? "true" : "false");
}

const char* JsonReader::NumberEnd(const char* at, const char* end) {
  const auto digits = [&at, end] {
    const char* const from = at;
    while (at < end && IsDigit(*at)) ++at;
    return at > from;
  };
  if (at < end && *at == '-') ++at;
  const bool zero = at < end && *at == '0';
  if (zero) ++at;
  if (!zero && !digits()) return nullptr;
  if (at < end && *at == '.') {
    ++at;
    if (!digits()) return nullptr;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return nullptr;
  }
  return at;
}

namespace {

// True when all of [at, end) is an integer that fits.
template <typename T>
bool ReadInteger(const char* at, const char* end, T& value) {
  if (at == nullptr || end == nullptr) return false;
  const auto [stop, error] = std::from_chars(at, end, value);
  return error == std::errc() && stop == end;
}

}  // namespace

bool JsonReader::ReadInt64(int64_t& value) {
  SkipBlanks();
  const char* const number_end = NumberEnd(at_, end_);
  if (!ReadInteger(at_, number_end, value)) return Fail(at_, "an integer below 2^63");
  set_at(number_end);
  return true;
}

bool JsonReader::ReadUint64(uint64_t& value) {
  SkipBlanks();
  const char* const number_end = NumberEnd(at_, end_);
  if (!ReadInteger(at_, number_end, value)) return Fail(at_, "an integer from 0 to 2^64-1");
  set_at(number_end);
  return true;
}

bool JsonReader::PassScalar() {
  bool escaped = false;
  switch (Peek()) {
    case Kind::kString:
      return PassString(escaped);
    case Kind::kTrue:
      return PassWord("true");
    case Kind::kFalse:
      return PassWord("false");
    case Kind::kNull:
      return PassWord("null");
    case Kind::kNumber: {
      const char* const number_end = NumberEnd(at_, end_);
      if (number_end == nullptr) return Fail(at_, "a number");
      set_at(number_end);
      return true;
    }
    default:
      return Fail(at_, "a value");
  }
}

bool JsonReader::SkipValue() {
  std::bitset<kMaxDepth + 1> is_object;  // by depth, of the brackets that this call opened
  const int outer = depth_;
  do {
    const Kind kind = Peek();
    if (kind == Kind::kObject || kind == Kind::kArray) {
      const bool object = kind == Kind::kObject;
      if (!(object ? BeginObject() : BeginArray())) return false;
      is_object.set(static_cast<size_t>(depth_), object);
    } else if (!PassScalar()) {
      return false;
    }
    // Close what ends here, and stop before the next value.
    while (depth_ > outer) {
      const bool object = is_object.test(static_cast<size_t>(depth_));
      if (object ? SkipKey() : NextElement()) break;
      if (!ok()) return false;
    }
  } while (depth_ > outer);
  return ok();
}

bool JsonReader::Finish() {
  if (!ok()) return false;
  SkipBlanks();
  return at_ == end_ || Fail(at_, "nothing after the value");
}

}  // namespace slipway::tensor

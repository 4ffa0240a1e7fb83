// The JSON reader of document.h. simdjson and nlohmann-json refuse NaN and Infinity, which the
// boosting libraries write.
#include <array>
#include <cctype>
#include <cmath>

#include "base/str_cat.h"
#include "import/document.h"

namespace slipway::import {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;

class JsonReader {
 public:
  JsonReader(std::string_view text, const ImportLimits& limits) : text_(text), limits_(limits) {}

  Result<Document> ReadWhole() {
    SLIPWAY_ASSIGN_OR_RETURN(Document root, ReadValue(0));
    SkipSpace();
    if (at_ != text_.size()) return Error("expected the end of the file");
    return root;
  }

 private:
  Status Error(std::string_view message) const {
    return InvalidArgument(StrCat("JSON, byte ", at_, ": ", message));
  }

  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  // The caller counts on `depth` to end the recursion.
  Result<Document> ReadValue(int depth) {
    if (depth > limits_.max_depth) {
      return base::ResourceExhausted(
          StrCat("JSON, byte ", at_, ": nested deeper than ", limits_.max_depth));
    }
    SkipSpace();
    if (at_ == text_.size()) return Error("the file ends where a value is expected");
    switch (text_[at_]) {
      case '{':
        return ReadObject(depth);
      case '[':
        return ReadArray(depth);
      case '"': {
        SLIPWAY_RETURN_IF_ERROR(CountValue());
        SLIPWAY_ASSIGN_OR_RETURN(std::string text, ReadText());
        return Document{std::move(text)};
      }
      default:
        return ReadWord();
    }
  }

  Status CountValue() {
    if (++values_ <= limits_.max_values) return base::OkStatus();
    return base::ResourceExhausted(
        StrCat("JSON, byte ", at_, ": more than ", limits_.max_values, " values"));
  }

  Result<Document> ReadObject(int depth) {
    SLIPWAY_RETURN_IF_ERROR(CountValue());
    ++at_;
    Document::Object members;
    if (Take('}')) return Document{std::move(members)};
    do {
      SkipSpace();
      if (at_ == text_.size() || text_[at_] != '"') return Error("expected the name of a member");
      SLIPWAY_ASSIGN_OR_RETURN(std::string name, ReadText());
      if (!Take(':')) return Error("expected ':'");
      SLIPWAY_ASSIGN_OR_RETURN(Document member, ReadValue(depth + 1));
      members.push_back({std::move(name), std::move(member)});
    } while (Take(','));
    if (!Take('}')) return Error("expected ',' or '}'");
    return Document{std::move(members)};
  }

  Result<Document> ReadArray(int depth) {
    SLIPWAY_RETURN_IF_ERROR(CountValue());
    ++at_;
    Document array{Document::Numbers{}};
    if (Take(']')) return array;
    do {
      SLIPWAY_ASSIGN_OR_RETURN(Document item, ReadValue(depth + 1));
      array.Append(std::move(item));
    } while (Take(','));
    if (!Take(']')) return Error("expected ',' or ']'");
    return array;
  }

  Result<Document> ReadWord() {
    if (TakeWord("true")) return Document{true};
    if (TakeWord("false")) return Document{false};
    if (TakeWord("null")) return Document{};
    if (TakeWord("NaN")) return Document{std::nan("")};
    if (TakeWord("Infinity")) return Document{HUGE_VAL};
    if (TakeWord("-Infinity")) return Document{-HUGE_VAL};
    const size_t end = text_.find_first_not_of("+-.0123456789eE", at_);
    const std::string_view word = text_.substr(at_, end - at_);
    const bool number = !word.empty() && (word.front() == '-' || std::isdigit(word.front()) != 0);
    const auto value = number ? ParseNumber(word) : std::nullopt;
    if (!value) return Error("expected a value");
    at_ += word.size();
    return Document{*value};
  }

  Result<std::string> ReadText() {
    ++at_;
    std::string out;
    while (true) {
      const size_t stop = text_.find_first_of("\"\\", at_);
      if (stop == std::string_view::npos) return Error("text that does not end");
      out.append(text_, at_, stop - at_);
      at_ = stop + 1;
      if (text_[stop] == '"') return out;
      SLIPWAY_RETURN_IF_ERROR(ReadEscape(out));
    }
  }

  Status ReadEscape(std::string& out) {
    static constexpr std::string_view kEscapes = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ == text_.size()) return Error("text that does not end");
    const char escape = text_[at_++];
    if (const size_t known = kEscapes.find(escape); known != std::string_view::npos) {
      out.push_back(kMeanings[known]);
      return base::OkStatus();
    }
    if (escape != 'u') return Error("an unknown escape in text");
    SLIPWAY_ASSIGN_OR_RETURN(uint32_t point, ReadHex4());
    if (point >= 0xD800 && point < 0xDC00 && TakeWord("\\u")) {
      SLIPWAY_ASSIGN_OR_RETURN(const uint32_t low, ReadHex4());
      if (low < 0xDC00 || low > 0xDFFF) return Error("half a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point >= 0xD800 && point < 0xE000) return Error("half a surrogate pair");
    AppendUtf8(out, point);
    return base::OkStatus();
  }

  Result<uint32_t> ReadHex4() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return Error("expected \\uXXXX");
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    return value;
  }

  static void AppendUtf8(std::string& out, uint32_t point) {
    const auto tail = [&](int shift) {
      out.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3F)));
    };
    if (point < 0x80) {
      out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
      out.push_back(static_cast<char>(0xC0 | (point >> 6)));
      tail(0);
    } else if (point < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | (point >> 12)));
      tail(6);
      tail(0);
    } else {
      out.push_back(static_cast<char>(0xF0 | (point >> 18)));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  const std::string_view text_;
  const ImportLimits& limits_;
  size_t at_ = 0;
  uint64_t values_ = 0;
};

}  // namespace

Result<Document> ReadJson(std::string_view text, const ImportLimits& limits) {
  return JsonReader(text, limits).ReadWhole();
}

}  // namespace slipway::import

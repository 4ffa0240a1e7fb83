#include "import/xgboost/ubjson.h"

#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::xgboost {
namespace {

using base::Result;
using base::Status;
using base::StrCat;

class UbjsonReader {
 public:
  UbjsonReader(std::span<const std::byte> file, const ImportLimits& limits)
      : file_(file), limits_(limits) {}

  Result<Document> ReadWhole() {
    SLIPWAY_ASSIGN_OR_RETURN(Document root, ReadValue(0));
    if (at_ != file_.size()) return Error("expected the end of the file");
    return root;
  }

 private:
  Status Error(std::string_view message) const {
    return base::InvalidArgument(StrCat("UBJSON, byte ", at_, ": ", message));
  }
  Status LimitError(std::string_view what, uint64_t limit) const {
    return base::ResourceExhausted(StrCat("UBJSON, byte ", at_, ": ", what, " ", limit));
  }

  size_t left() const { return file_.size() - at_; }
  char Peek() const { return at_ < file_.size() ? static_cast<char>(file_[at_]) : '\0'; }
  bool Take(char marker) {
    if (at_ == file_.size() || Peek() != marker) return false;
    ++at_;
    return true;
  }

  // Bytes of a number of that type; 0 for what is none.
  static size_t SizeOf(char type) {
    switch (type) {
      case 'i':
      case 'U':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }

  // A number whose bytes are known to be there.
  double TakeNumber(char type) {
    uint64_t bits = 0;
    const size_t size = SizeOf(type);
    for (size_t i = 0; i < size; ++i) bits = bits << 8 | static_cast<uint8_t>(file_[at_ + i]);
    at_ += size;
    switch (type) {
      case 'i':
        return static_cast<int8_t>(bits);
      case 'I':
        return static_cast<int16_t>(bits);
      case 'l':
        return static_cast<int32_t>(bits);
      case 'd':
        return std::bit_cast<float>(static_cast<uint32_t>(bits));
      case 'L':
        return static_cast<double>(static_cast<int64_t>(bits));
      case 'D':
        return std::bit_cast<double>(bits);
      default:  // 'U'
        return static_cast<double>(bits);
    }
  }

  // A length, as a number of an integer type.
  Result<uint64_t> ReadCount() {
    const char type = Peek();
    if (type == '\0' || type == 'd' || type == 'D' || SizeOf(type) == 0) {
      return Error("expected a length");
    }
    ++at_;
    if (left() < SizeOf(type)) return Error("the file ends within a number");
    const double count = TakeNumber(type);
    if (count < 0) return Error("a negative length");
    if (count > static_cast<double>(left())) {
      return Error(StrCat("a length of ", count, " with ", left(), " bytes left"));
    }
    return static_cast<uint64_t>(count);
  }

  Result<std::string> ReadText() {
    SLIPWAY_ASSIGN_OR_RETURN(const uint64_t size, ReadCount());
    std::string out(reinterpret_cast<const char*>(file_.data()) + at_, size);
    at_ += size;
    return out;
  }

  // `depth` ends the recursion.
  Result<Document> ReadValue(int depth) {
    if (depth > limits_.max_depth) return LimitError("nested deeper than", limits_.max_depth);
    if (++values_ > limits_.max_values) return LimitError("more values than", limits_.max_values);
    if (left() == 0) return Error("the file ends where a value is expected");
    const char marker = Peek();
    ++at_;
    switch (marker) {
      case '{':
        return ReadObject(depth);
      case '[':
        return ReadArray(depth);
      case 'S': {
        SLIPWAY_ASSIGN_OR_RETURN(std::string text, ReadText());
        return Document{std::move(text)};
      }
      case 'T':
        return Document{true};
      case 'F':
        return Document{false};
      case 'Z':
        return Document{};
      default:
        break;
    }
    const size_t size = SizeOf(marker);
    if (size == 0) {
      --at_;
      return Error(StrCat("expected a value, got the marker '",
                          base::Printable(std::string_view(&marker, 1)), "'"));
    }
    if (left() < size) return Error("the file ends within a number");
    return Document{TakeNumber(marker)};
  }

  Result<Document> ReadObject(int depth) {
    Document::Object members;
    while (!Take('}')) {
      SLIPWAY_ASSIGN_OR_RETURN(std::string name, ReadText());
      SLIPWAY_ASSIGN_OR_RETURN(Document member, ReadValue(depth + 1));
      members.push_back({std::move(name), std::move(member)});
    }
    return Document{std::move(members)};
  }

  Result<Document> ReadArray(int depth) {
    if (Take('$')) return ReadTypedArray();
    Document array{Document::Numbers{}};
    if (Take('#')) {
      SLIPWAY_ASSIGN_OR_RETURN(const uint64_t count, ReadCount());
      for (uint64_t i = 0; i < count; ++i) {
        SLIPWAY_ASSIGN_OR_RETURN(Document item, ReadValue(depth + 1));
        array.Append(std::move(item));
      }
      return array;
    }
    while (!Take(']')) {
      SLIPWAY_ASSIGN_OR_RETURN(Document item, ReadValue(depth + 1));
      array.Append(std::move(item));
    }
    return array;
  }

  // What follows "[$": a type, and a count of numbers of that type.
  Result<Document> ReadTypedArray() {
    const char type = Peek();
    const size_t size = SizeOf(type);
    if (size == 0) return Error("expected the type of an array's numbers");
    ++at_;
    if (!Take('#')) return Error("expected '#' and the length of the array");
    SLIPWAY_ASSIGN_OR_RETURN(const uint64_t count, ReadCount());
    if (count > left() / size) {
      return Error(StrCat("an array of ", count, " numbers with ", left(), " bytes left"));
    }
    Document::Numbers numbers(count);
    for (double& number : numbers) number = TakeNumber(type);
    return Document{std::move(numbers)};
  }

  const std::span<const std::byte> file_;
  const ImportLimits& limits_;
  size_t at_ = 0;
  uint64_t values_ = 0;
};

}  // namespace

Result<Document> ReadUbjson(std::span<const std::byte> file, const ImportLimits& limits) {
  return UbjsonReader(file, limits).ReadWhole();
}

}  // namespace slipway::import::xgboost

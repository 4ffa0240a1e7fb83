#include "tensor/npy_header.h"

#include <charconv>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

constexpr std::string_view kMagic("\x93NUMPY", 6);

// Reads the dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class DictionaryReader {
 public:
  explicit DictionaryReader(std::string_view text) : text_(text) {}

  Status Read(NpyHeader& header) {
    if (!Take('{')) return Expected("'{'");
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    while (!Take('}')) {
      std::string_view key;
      SLIPWAY_RETURN_IF_ERROR(ReadText(key));
      if (!Take(':')) return Expected("':'");
      bool& seen = key == "descr" ? has_descr : key == "shape" ? has_shape : has_order;
      if (seen || (&seen == &has_order && key != "fortran_order")) {
        return InvalidArgument(StrCat("NPY header: unexpected key '", Printable(key), "'"));
      }
      seen = true;
      SLIPWAY_RETURN_IF_ERROR(ReadValue(key, header));
      if (!Take(',') && !Peek('}')) return Expected("',' or '}'");
    }
    if (has_descr && has_order && has_shape) return OkStatus();
    return InvalidArgument("NPY header: expected 'descr', 'fortran_order' and 'shape'");
  }

 private:
  Status ReadValue(std::string_view key, NpyHeader& header) {
    if (key == "shape") return ReadShape(header.shape);
    if (key == "fortran_order") return ReadFlag(header.fortran_order);
    if (Peek('[')) return base::Unimplemented("NPY: records are not supported");
    std::string_view descr;
    SLIPWAY_RETURN_IF_ERROR(ReadText(descr));
    return ReadDescr(descr, header);
  }

  static Status ReadDescr(std::string_view descr, NpyHeader& header) {
    const auto refuse = [descr] {
      return base::Unimplemented(
          StrCat("NPY: dtype '", Printable(descr),
                 "' is not supported; expected b1, i1 to i8, u1 to u8, f2, f4, "
                 "f8, S or U"));
    };
    if (descr.size() < 3) return refuse();
    const char order = descr[0];
    header.kind = descr[1];
    const char* const end = descr.data() + descr.size();
    size_t size = 0;
    const auto [stop, error] = std::from_chars(descr.data() + 2, end, size);
    if (error != std::errc() || stop != end || size > (size_t{1} << 30)) return refuse();
    if (std::string_view("<>|=").find(order) == std::string_view::npos) return refuse();
    header.big_endian = order == '>';
    header.item_bytes = header.kind == 'U' ? 4 * size : size;
    if (header.kind == 'S' || header.kind == 'U') {
      header.dtype = DType::kBytes;
      return OkStatus();
    }
    return FindDType(header) ? OkStatus() : refuse();
  }

  static bool FindDType(NpyHeader& header) {
    struct Known {
      char kind;
      uint8_t size;
      DType dtype;
    };
    constexpr Known kKnown[] = {
        {'b', 1, DType::kBool},   {'u', 1, DType::kUint8},  {'u', 2, DType::kUint16},
        {'u', 4, DType::kUint32}, {'u', 8, DType::kUint64}, {'i', 1, DType::kInt8},
        {'i', 2, DType::kInt16},  {'i', 4, DType::kInt32},  {'i', 8, DType::kInt64},
        {'f', 2, DType::kFp16},   {'f', 4, DType::kFp32},   {'f', 8, DType::kFp64}};
    for (const Known& known : kKnown) {
      if (known.kind != header.kind || known.size != header.item_bytes) continue;
      header.dtype = known.dtype;
      return true;
    }
    return false;
  }

  Status ReadShape(Shape& shape) {
    if (!Take('(')) return Expected("'('");
    while (!Take(')')) {
      int64_t dim = 0;
      SkipBlanks();
      const char* const end = text_.data() + text_.size();
      const auto [stop, error] = std::from_chars(text_.data() + at_, end, dim);
      if (error != std::errc() || dim < 0) return Expected("a dimension");
      at_ = static_cast<size_t>(stop - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // written by Python 2
      if (!shape.Append(dim)) {
        return InvalidArgument(StrCat("NPY: expected at most ", kMaxRank, " dimensions"));
      }
      if (!Take(',') && !Peek(')')) return Expected("',' or ')'");
    }
    return OkStatus();
  }

  Status ReadFlag(bool& flag) {
    SkipBlanks();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      flag = value;
      return OkStatus();
    }
    return Expected("True or False");
  }

  Status ReadText(std::string_view& value) {
    SkipBlanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') return Expected("a string");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return Expected("the end of a string");
    value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return OkStatus();
  }

  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Peek(char c) {
    SkipBlanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool Take(char c) {
    const bool there = Peek(c);
    at_ += there ? 1 : 0;
    return there;
  }
  Status Expected(std::string_view what) const {
    return InvalidArgument(StrCat("NPY header, byte ", at_, ": expected ", what));
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<NpyHeader> ReadNpyHeader(std::span<const std::byte> file, size_t max_header_bytes) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic))
    return InvalidArgument("not an NPY file: it does not begin with its magic");
  constexpr size_t kVersion = 6;
  const int major = text.size() > kVersion ? text[kVersion] : 0;
  if (major < 1 || major > 3) return InvalidArgument(StrCat("NPY: unknown version ", major));
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t begin = kVersion + 2 + length_bytes;
  if (text.size() < begin) return InvalidArgument("NPY: the header is cut off");
  uint32_t length = 0;
  std::memcpy(&length, text.data() + kVersion + 2, length_bytes);
  if (length > max_header_bytes || length > text.size() - begin) {
    return InvalidArgument(StrCat("NPY: a header of ", length, " bytes is too long"));
  }
  NpyHeader header;
  SLIPWAY_RETURN_IF_ERROR(DictionaryReader(text.substr(begin, length)).Read(header));
  header.data_offset = begin + length;
  return header;
}

std::string NpyHeaderText(std::string_view descr, const Shape& shape) {
  std::string dictionary = StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (");
  for (size_t i = 0; i < shape.rank(); ++i) {
    dictionary.append(
        StrCat(i > 0 ? " " : "", shape[i], i + 1 < shape.rank() || i == 0 ? "," : ""));
  }
  dictionary.append("), }");
  constexpr size_t kFixed = 10;  // magic, version, length
  const size_t padding = 63 - (kFixed + dictionary.size()) % 64;
  dictionary.append(padding, ' ').push_back('\n');
  std::string out(kMagic);
  out.append({'\x01', '\x00'});
  out.push_back(static_cast<char>(dictionary.size() & 0xFF));
  out.push_back(static_cast<char>(dictionary.size() >> 8));
  return out.append(dictionary);
}

}  // namespace slipway::tensor

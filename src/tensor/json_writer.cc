#include "tensor/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/str_cat.h"
#include "tensor/shortest_float.h"
#include "tensor/text_scan.h"

namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Status;
using base::StrCat;

// The longest element: "-2.2250738585072014e-308" and a comma.
constexpr size_t kMaxNumber = 32;
// Numbers written between two looks at the string's size.
constexpr int64_t kChunk = 256;

char* WriteWord(std::string_view word, char* to) {
  std::memcpy(to, word.data(), word.size());
  return to + word.size();
}

// nullptr when refused.
char* WriteNotFinite(double value, NotFinite not_finite, char* to) {
  if (not_finite == NotFinite::kRefuse) return nullptr;
  if (not_finite == NotFinite::kNull) return WriteWord("null", to);
  if (std::isnan(value)) return WriteWord("NaN", to);
  return WriteWord(value < 0 ? "-Infinity" : "Infinity", to);
}

// "-0" becomes "-0.0": readers that tell integers from fractions lose the sign of the former.
char* KeepMinusZero(char* to, char* end) {
  if (end - to == 2 && to[0] == '-' && to[1] == '0') return WriteWord(".0", end);
  return end;
}

// Writers of one element: the end of what was written, nullptr when JSON cannot hold it.
template <typename T>
struct Number {
  using Value = T;
  static char* Write(T value, NotFinite not_finite, char* to) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) return WriteNotFinite(static_cast<double>(value), not_finite, to);
    }
    if constexpr (std::is_same_v<T, float>) return KeepMinusZero(to, WriteShortestFloat(value, to));
    char* const end = std::to_chars(to, to + kMaxNumber, value).ptr;
    if constexpr (std::is_floating_point_v<T>) return KeepMinusZero(to, end);
    return end;
  }
};

struct Bool {
  using Value = uint8_t;
  static char* Write(uint8_t value, NotFinite, char* to) {
    return WriteWord(value != 0 ? "true" : "false", to);
  }
};

Fp16 Nearest(double value, Fp16) { return ToFp16(value); }
Bf16 Nearest(double value, Bf16) { return ToBf16(value); }

// T is Fp16 or Bf16, which five significant digits always tell apart.
template <typename T>
struct Narrow {
  using Value = T;
  static char* Write(T value, NotFinite not_finite, char* to) {
    const float wide = ToFloat(value);
    if (!std::isfinite(wide)) return WriteNotFinite(static_cast<double>(wide), not_finite, to);
    constexpr int kDigits = 5;
    char* end = to;
    for (int digits = 1; digits <= kDigits; ++digits) {
      end = std::to_chars(to, to + kMaxNumber, wide, std::chars_format::general, digits).ptr;
      double back = 0;
      std::from_chars(to, end, back);
      if (Nearest(back, T{}) == value) break;
    }
    return KeepMinusZero(to, end);
  }
};

Status RefuseNotFinite(int64_t index) {
  return InvalidArgument(
      StrCat("element ", index, " is not a finite number, which JSON cannot hold"));
}

template <typename Writer>
Status AppendNumbers(const std::byte* data, int64_t first, int64_t count, NotFinite not_finite,
                     std::string& out) {
  using Value = typename Writer::Value;
  const std::byte* from = data + static_cast<size_t>(first) * sizeof(Value);
  for (int64_t done = 0; done < count;) {
    const int64_t chunk_end = std::min(count, done + kChunk);
    const size_t size = out.size();
    out.resize(size + static_cast<size_t>(chunk_end - done) * kMaxNumber);
    char* to = out.data() + size;
    for (; done < chunk_end; ++done, from += sizeof(Value)) {
      Value value;
      std::memcpy(&value, from, sizeof(value));
      to = Writer::Write(value, not_finite, to);
      if (to == nullptr) return RefuseNotFinite(first + done);
      *to++ = ',';
    }
    out.resize(static_cast<size_t>(to - out.data()));
  }
  if (count > 0) out.pop_back();
  return OkStatus();
}

Status AppendStrings(const TensorView& tensor, int64_t first, int64_t count, std::string& out) {
  const std::byte* at = tensor.data().data();
  for (int64_t i = 0; i < first + count; ++i) {
    uint32_t length = 0;
    std::memcpy(&length, at, sizeof(length));
    at += sizeof(length);
    if (i >= first) {
      if (i > first) out.push_back(',');
      if (!AppendJsonText({reinterpret_cast<const char*>(at), length}, out)) {
        return InvalidArgument(
            StrCat("element ", i, " is not valid UTF-8, which JSON cannot hold"));
      }
    }
    at += length;
  }
  return OkStatus();
}

void AppendEscape(char c, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      break;
    case '\\':
      out.append("\\\\");
      break;
    case '\n':
      out.append("\\n");
      break;
    case '\r':
      out.append("\\r");
      break;
    case '\t':
      out.append("\\t");
      break;
    default:
      out.append("\\u00");
      out.push_back(kHex[(c >> 4) & 0xF]);
      out.push_back(kHex[c & 0xF]);
  }
}

// As FindStringSpecial(), but reads nothing from `end` on: tensors need not be padded.
const char* FindSpecial(const char* at, const char* end) {
  constexpr ptrdiff_t kBlock = 16;
  const char* const last_block = end - at >= kBlock ? end - (end - at) % kBlock : at;
  const char* const found = FindStringSpecial(at, last_block);
  if (found < last_block) return found;
  at = last_block;
  const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; };
  while (at < end && plain(static_cast<unsigned char>(*at))) ++at;
  return at;
}

}  // namespace

bool AppendJsonText(std::string_view text, std::string& out) {
  const size_t before = out.size();
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* from = at;  // what was not appended yet
  out.push_back('"');
  while ((at = FindSpecial(at, end)) < end) {
    if (static_cast<unsigned char>(*at) >= 0x80) {
      const size_t length = Utf8Length(at, end);
      if (length == 0) {
        out.resize(before);
        return false;
      }
      at += length;
      continue;
    }
    out.append(from, at);
    AppendEscape(*at, out);
    from = ++at;
  }
  out.append(from, end).push_back('"');
  return true;
}

Status AppendJsonElements(const TensorView& tensor, int64_t first, int64_t count,
                          NotFinite not_finite, std::string& out) {
  SLIPWAY_CHECK(first >= 0 && count >= 0 && first + count <= tensor.element_count());
  const std::byte* const data = tensor.data().data();
  const auto append = [&]<typename Writer>(Writer) {
    return AppendNumbers<Writer>(data, first, count, not_finite, out);
  };
  switch (tensor.dtype()) {
    case DType::kBool:
      return append(Bool());
    case DType::kUint8:
      return append(Number<uint8_t>());
    case DType::kUint16:
      return append(Number<uint16_t>());
    case DType::kUint32:
      return append(Number<uint32_t>());
    case DType::kUint64:
      return append(Number<uint64_t>());
    case DType::kInt8:
      return append(Number<int8_t>());
    case DType::kInt16:
      return append(Number<int16_t>());
    case DType::kInt32:
      return append(Number<int32_t>());
    case DType::kInt64:
      return append(Number<int64_t>());
    case DType::kFp16:
      return append(Narrow<Fp16>());
    case DType::kBf16:
      return append(Narrow<Bf16>());
    case DType::kFp32:
      return append(Number<float>());
    case DType::kFp64:
      return append(Number<double>());
    case DType::kBytes:
      return AppendStrings(tensor, first, count, out);
  }
  return OkStatus();
}

Status AppendJsonArray(const TensorView& tensor, NotFinite not_finite, std::string& out) {
  out.push_back('[');
  SLIPWAY_RETURN_IF_ERROR(AppendJsonElements(tensor, 0, tensor.element_count(), not_finite, out));
  out.push_back(']');
  return OkStatus();
}

}  // namespace slipway::tensor

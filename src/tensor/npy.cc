#include "tensor/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/npy_header.h"
#include "tensor/utf8.h"

namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;

static_assert(std::endian::native == std::endian::little,
              "NPY data is used as it lies in the file");

// Copies elements of `size` bytes, which lie in Fortran order, into C order.
void FromFortranOrder(const Shape& shape, size_t size, const std::byte* from, std::byte* to) {
  const size_t rank = shape.rank();
  std::array<size_t, kMaxRank> stride{};  // in elements, of the source
  std::array<int64_t, kMaxRank> index{};
  size_t step = 1;
  for (size_t i = 0; i < rank; ++i) {
    stride[i] = step;
    step *= static_cast<size_t>(shape[i]);
  }
  size_t source = 0;
  for (size_t done = 0; done < step; ++done, to += size) {
    std::memcpy(to, from + source * size, size);
    for (size_t i = rank; i-- > 0;) {
      source += stride[i];
      if (++index[i] < shape[i]) break;
      source -= stride[i] * static_cast<size_t>(shape[i]);
      index[i] = 0;
    }
  }
}

void SwapBytes(std::span<std::byte> data, size_t unit) {
  if (unit < 2) return;
  for (size_t i = 0; i + unit <= data.size(); i += unit) {
    std::reverse(data.begin() + static_cast<std::ptrdiff_t>(i),
                 data.begin() + static_cast<std::ptrdiff_t>(i + unit));
  }
}

// One element of a U array as UTF-8, without the zeros at its end.
Result<std::string> FromUtf32(std::span<const std::byte> element) {
  std::string text;
  size_t kept = 0;
  for (size_t i = 0; i + 4 <= element.size(); i += 4) {
    uint32_t point = 0;
    std::memcpy(&point, element.data() + i, sizeof(point));
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
      return InvalidArgument(StrCat("a string holds ", point, ", which is no Unicode character"));
    }
    std::array<char, 4> utf8{};
    text.append(utf8.data(), EncodeUtf8(point, utf8.data()));
    if (point != 0) kept = text.size();
  }
  text.resize(kept);
  return text;
}

std::string WithoutPadding(std::span<const std::byte> element) {
  const std::string_view text(reinterpret_cast<const char*>(element.data()), element.size());
  return std::string(text.substr(0, text.find_last_not_of('\0') + 1));
}

Result<Tensor> MakeStrings(const NpyHeader& header, std::span<const std::byte> data,
                           int64_t count) {
  std::vector<std::string> elements;
  elements.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto element =
        data.subspan(static_cast<size_t>(i) * header.item_bytes, header.item_bytes);
    if (header.kind == 'S') {
      elements.push_back(WithoutPadding(element));
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(std::string text, FromUtf32(element));
      elements.push_back(std::move(text));
    }
  }
  return Tensor::FromStrings(header.shape, elements);
}

// Brings the elements of a file into little-endian C order.
Result<Tensor> MakeTensor(const NpyHeader& header, std::span<const std::byte> data, int64_t count) {
  const bool as_it_is = !header.fortran_order && !header.big_endian;
  if (as_it_is && header.dtype != DType::kBytes && header.kind != 'b') {
    SLIPWAY_ASSIGN_OR_RETURN(const TensorView view,
                             TensorView::Create(header.dtype, header.shape, data));
    return Tensor::CopyOf(view);
  }
  std::vector<std::byte> ours(data.begin(), data.end());
  if (header.big_endian) SwapBytes(ours, header.kind == 'U' ? 4 : header.item_bytes);
  if (header.fortran_order) {
    const std::vector<std::byte> theirs = ours;
    FromFortranOrder(header.shape, header.item_bytes, theirs.data(), ours.data());
  }
  if (header.dtype == DType::kBytes) return MakeStrings(header, ours, count);
  if (header.kind == 'b') {
    for (std::byte& b : ours) b = static_cast<std::byte>(b != std::byte{0} ? 1 : 0);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const TensorView view,
                           TensorView::Create(header.dtype, header.shape, ours));
  return Tensor::CopyOf(view);
}

// The dtype of a file that holds `tensor`, and the bytes of one element.
struct Target {
  std::string descr;
  size_t item_bytes = 0;
};

Result<Target> TargetOfStrings(const std::vector<std::string_view>& elements, bool& utf8) {
  size_t longest = 1;
  utf8 = std::ranges::all_of(elements, base::IsValidUtf8);
  for (const std::string_view element : elements) {
    if (element.ends_with('\0')) {
      return InvalidArgument("a string ends with a zero byte, which NPY cannot hold");
    }
    const auto is_lead = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    const auto characters = static_cast<size_t>(std::ranges::count_if(element, is_lead));
    longest = std::max(longest, utf8 ? characters : element.size());
  }
  if (utf8) return Target{StrCat("<U", longest), 4 * longest};
  return Target{StrCat("|S", longest), longest};
}

void AppendUtf32(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t k = 1; k < length; ++k) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    }
    out.append(reinterpret_cast<const char*>(&point), sizeof(point));
    i += length;
  }
}

Result<std::string> WriteStrings(const TensorView& tensor) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::string_view> elements, tensor.AsStrings());
  bool utf8 = false;
  SLIPWAY_ASSIGN_OR_RETURN(const Target target, TargetOfStrings(elements, utf8));
  std::string out = NpyHeaderText(target.descr, tensor.shape());
  for (const std::string_view element : elements) {
    const size_t end = out.size() + target.item_bytes;
    if (utf8) {
      AppendUtf32(element, out);
    } else {
      out.append(element);
    }
    out.resize(end, '\0');
  }
  return out;
}

std::string_view DescrOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "|b1";
    case DType::kUint8:
      return "|u1";
    case DType::kUint16:
      return "<u2";
    case DType::kUint32:
      return "<u4";
    case DType::kUint64:
      return "<u8";
    case DType::kInt8:
      return "|i1";
    case DType::kInt16:
      return "<i2";
    case DType::kInt32:
      return "<i4";
    case DType::kInt64:
      return "<i8";
    case DType::kFp16:
      return "<f2";
    case DType::kFp64:
      return "<f8";
    case DType::kBf16:
    case DType::kFp32:
    case DType::kBytes:
      break;
  }
  return "<f4";
}

}  // namespace

Result<std::string> NpyPrefix(DType dtype, const Shape& shape) {
  if (dtype == DType::kBytes || dtype == DType::kBf16) {
    return InvalidArgument(StrCat("NPY: ", dtype, " has to be converted as a whole"));
  }
  return NpyHeaderText(DescrOf(dtype), shape);
}

Result<Tensor> ReadNpy(std::span<const std::byte> file, const NpyLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(const NpyHeader header, ReadNpyHeader(file, limits.max_header_bytes));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, ElementCount(header.shape));
  size_t size = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), header.item_bytes, &size) ||
      size > limits.max_tensor_bytes) {
    return base::ResourceExhausted(StrCat("NPY: shape ", header.shape, " is over the limit of ",
                                          base::FormatByteSize(limits.max_tensor_bytes)));
  }
  const std::span<const std::byte> data = file.subspan(header.data_offset);
  if (data.size() < size) {
    return InvalidArgument(StrCat("NPY: expected ", size, " bytes of data, got ", data.size()));
  }
  // Strings of no length take no bytes, so nothing else bounds their number.
  if (header.item_bytes == 0 && static_cast<size_t>(count) > limits.max_tensor_bytes / 4) {
    return base::ResourceExhausted("NPY: too many empty strings");
  }
  return MakeTensor(header, data.first(size), count);
}

Result<std::string> WriteNpy(const TensorView& tensor) {
  if (tensor.dtype() == DType::kBytes) return WriteStrings(tensor);
  std::string out = NpyHeaderText(DescrOf(tensor.dtype()), tensor.shape());
  if (tensor.dtype() != DType::kBf16) {
    out.append(reinterpret_cast<const char*>(tensor.data().data()), tensor.data().size());
    return out;
  }
  for (size_t i = 0; i < tensor.data().size(); i += sizeof(Bf16)) {
    Bf16 narrow{};
    std::memcpy(&narrow, tensor.data().data() + i, sizeof(narrow));
    const float wide = ToFloat(narrow);
    out.append(reinterpret_cast<const char*>(&wide), sizeof(wide));
  }
  return out;
}

}  // namespace slipway::tensor

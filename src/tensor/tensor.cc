#include "tensor/tensor.h"

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/str_cat.h"

namespace slipway::tensor {

using base::Buffer;
using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

uint32_t ReadLength(const std::byte* at) {
  uint32_t length = 0;
  std::memcpy(&length, at, sizeof(length));
  return length;
}

// OK when `data` is exactly `count` length-prefixed elements.
Status CheckBytesElements(std::span<const std::byte> data, int64_t count) {
  size_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (data.size() - offset < sizeof(uint32_t)) {
      return InvalidArgument(StrCat("BYTES data: expected ", count,
                                    " elements, but the data ends before the length of element ",
                                    i));
    }
    const uint32_t length = ReadLength(data.data() + offset);
    offset += sizeof(uint32_t);
    if (data.size() - offset < length) {
      return InvalidArgument(StrCat("BYTES data: element ", i, " declares ", length,
                                    " bytes, but only ", data.size() - offset, " are left"));
    }
    offset += length;
  }
  if (offset != data.size()) {
    return InvalidArgument(StrCat("BYTES data: expected ", count, " elements in ", data.size(),
                                  " bytes, but they end after ", offset, " bytes"));
  }
  return OkStatus();
}

}  // namespace

Result<TensorView> TensorView::Create(DType dtype, const Shape& shape,
                                      std::span<const std::byte> data) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, ElementCount(shape));
  if (dtype == DType::kBytes) {
    SLIPWAY_RETURN_IF_ERROR(CheckBytesElements(data, count));
  } else {
    size_t expected = 0;
    if (__builtin_mul_overflow(static_cast<size_t>(count), SizeOf(dtype), &expected) ||
        expected != data.size()) {
      return InvalidArgument(StrCat("shape ", shape, " of ", dtype, ": expected ", count, " x ",
                                    SizeOf(dtype), " bytes of data, got ", data.size()));
    }
  }
  TensorView view;
  view.absent_ = false;
  view.dtype_ = dtype;
  view.shape_ = shape;
  view.data_ = data;
  view.element_count_ = count;
  return view;
}

Status TensorView::CheckAs(DType wanted, size_t alignment) const {
  if (wanted != dtype_) {
    return InvalidArgument(StrCat("tensor: expected ", wanted, ", got ", dtype_));
  }
  if (reinterpret_cast<uintptr_t>(data_.data()) % alignment != 0) {
    return InvalidArgument(StrCat("tensor: expected data aligned to ", alignment, " bytes"));
  }
  return OkStatus();
}

Result<std::vector<std::string_view>> TensorView::AsStrings() const {
  SLIPWAY_RETURN_IF_ERROR(CheckAs(DType::kBytes, 1));
  std::vector<std::string_view> elements;
  elements.reserve(static_cast<size_t>(element_count_));
  const std::byte* at = data_.data();
  for (int64_t i = 0; i < element_count_; ++i) {
    const uint32_t length = ReadLength(at);
    elements.emplace_back(reinterpret_cast<const char*>(at + sizeof(length)), length);
    at += sizeof(length) + length;
  }
  return elements;
}

Result<Tensor> Tensor::Allocate(DType dtype, const Shape& shape) {
  if (dtype == DType::kBytes) {
    return InvalidArgument("a BYTES tensor cannot be allocated by its shape alone");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, ElementCount(shape));
  size_t size = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), SizeOf(dtype), &size) ||
      size > static_cast<size_t>(std::numeric_limits<int64_t>::max())) {
    return InvalidArgument(StrCat("shape ", shape, " of ", dtype, " is too large for memory"));
  }
  try {
    Tensor tensor;
    tensor.buffer_ = Buffer::Allocate(size);
    tensor.view_.absent_ = false;
    tensor.view_.dtype_ = dtype;
    tensor.view_.shape_ = shape;
    tensor.view_.data_ = {tensor.buffer_.data(), size};
    tensor.view_.element_count_ = count;
    return tensor;
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted(
        StrCat("no memory for a tensor of shape ", shape, " and dtype ", dtype));
  }
}

Result<Tensor> Tensor::Adopt(DType dtype, const Shape& shape, Buffer buffer) {
  Tensor tensor;
  SLIPWAY_ASSIGN_OR_RETURN(tensor.view_,
                           TensorView::Create(dtype, shape, {buffer.data(), buffer.size()}));
  tensor.buffer_ = std::move(buffer);
  return tensor;
}

Result<Tensor> Tensor::CopyOf(const TensorView& view) {
  Buffer buffer = Buffer::Allocate(view.data().size());
  if (!view.data().empty()) std::memcpy(buffer.data(), view.data().data(), view.data().size());
  return Adopt(view.dtype(), view.shape(), std::move(buffer));
}

Result<Tensor> Tensor::FromStrings(const Shape& shape, std::span<const std::string> elements) {
  size_t size = 0;
  for (const std::string& element : elements) size += sizeof(uint32_t) + element.size();
  Buffer buffer = Buffer::Allocate(size);
  std::byte* at = buffer.data();
  for (const std::string& element : elements) {
    const auto length = static_cast<uint32_t>(element.size());
    std::memcpy(at, &length, sizeof(length));
    std::memcpy(at + sizeof(length), element.data(), element.size());
    at += sizeof(length) + element.size();
  }
  return Adopt(DType::kBytes, shape, std::move(buffer));
}

}  // namespace slipway::tensor

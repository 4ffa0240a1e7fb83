#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace slipway::tensor {

// A read-only view of one dense, row-major tensor. A value: copy it freely. Owns nothing, so the
// bytes must outlive it. Thread-compatible.
//
// Memory: ElementCount(shape) * SizeOf(dtype) bytes, little-endian, not necessarily aligned.
// BYTES: per element a uint32 length (little-endian) and that many bytes, without padding, exactly
// as the Open Inference Protocol's binary extension sends them; the view is checked to hold exactly
// ElementCount(shape) elements.
class TensorView {
 public:
  // An absent tensor: stands for an optional input that was left out.
  TensorView() = default;
  // kInvalidArgument unless every dim >= 0 and `data` holds exactly that many elements.
  static base::Result<TensorView> Create(DType dtype, const Shape& shape,
                                         std::span<const std::byte> data);

  bool absent() const { return absent_; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::span<const std::byte> data() const { return data_; }
  int64_t element_count() const { return element_count_; }

  // The elements as T. kInvalidArgument when T is not dtype() or data is not aligned for T.
  template <typename T>
  base::Result<std::span<const T>> As() const {
    SLIPWAY_RETURN_IF_ERROR(CheckAs(DTypeOf<T>::value, alignof(T)));
    return std::span<const T>(reinterpret_cast<const T*>(data_.data()),
                              static_cast<size_t>(element_count_));
  }
  // The elements of a BYTES tensor, in order. kInvalidArgument for another dtype.
  base::Result<std::vector<std::string_view>> AsStrings() const;

 private:
  friend class Tensor;
  base::Status CheckAs(DType wanted, size_t alignment) const;

  bool absent_ = true;
  DType dtype_ = DType::kFp32;
  Shape shape_ = {0};
  std::span<const std::byte> data_;
  int64_t element_count_ = 0;
};

// A tensor that owns its memory. Move-only. The layout is that of TensorView.
class Tensor {
 public:
  Tensor() = default;
  // Uninitialised. kInvalidArgument for BYTES and for a shape whose bytes do not fit into size_t.
  static base::Result<Tensor> Allocate(DType dtype, const Shape& shape);
  // Takes the memory. kInvalidArgument unless it holds exactly the elements of `shape`.
  static base::Result<Tensor> Adopt(DType dtype, const Shape& shape, base::Buffer buffer);
  // Copies.
  static base::Result<Tensor> CopyOf(const TensorView& view);
  static base::Result<Tensor> FromStrings(const Shape& shape,
                                          std::span<const std::string> elements);
  template <typename T>
  static base::Result<Tensor> FromValues(const Shape& shape, std::span<const T> values) {
    SLIPWAY_ASSIGN_OR_RETURN(const TensorView view,
                             TensorView::Create(DTypeOf<T>::value, shape, std::as_bytes(values)));
    return CopyOf(view);
  }

  DType dtype() const { return view_.dtype(); }
  const Shape& shape() const { return view_.shape(); }
  const TensorView& view() const { return view_; }
  std::span<std::byte> mutable_data() { return {buffer_.data(), view_.data().size()}; }

 private:
  TensorView view_;
  base::Buffer buffer_;
};

}  // namespace slipway::tensor

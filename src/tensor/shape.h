#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "base/status.h"

namespace slipway::tensor {

// More dimensions than any model we know of has; a tensor with more is refused by name.
inline constexpr size_t kMaxRank = 16;

// The dimensions of a tensor, row-major, held in place: making or copying one never allocates.
// In a TensorSpec -1 stands for "any size"; in a tensor every dimension is >= 0.
class Shape {
 public:
  Shape() = default;
  Shape(const Shape& other) { *this = other; }
  Shape& operator=(const Shape& other);
  // At most kMaxRank dimensions (a CHECK: outside input goes through Create()).
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);
  // kInvalidArgument when there are more than kMaxRank dimensions.
  static base::Result<Shape> Create(std::span<const int64_t> dims);

  size_t rank() const { return rank_; }
  std::span<const int64_t> dims() const { return {dims_.data(), rank_}; }
  int64_t operator[](size_t i) const { return dims_[i]; }
  void set_dim(size_t i, int64_t size) { dims_[i] = size; }
  // False when full.
  bool Append(int64_t size);

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  uint8_t rank_ = 0;
  std::array<int64_t, kMaxRank> dims_;  // only the first rank_ are set
};

// Dimension by dimension, as they were written: a wider load of what narrower stores have just
// written waits until they have left the store buffer, which took longer than all the rest of
// making a TensorView. (A loop with two exits stays as it is, g++ does not make vectors of it.)
inline Shape& Shape::operator=(const Shape& other) {
  rank_ = other.rank_;
  for (size_t i = 0; i < kMaxRank; ++i) {
    if (i == other.rank_) break;
    dims_[i] = other.dims_[i];
  }
  return *this;
}

// "[1,3,-1]"
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// The product of the dimensions; 1 for rank 0. kInvalidArgument when a dimension is negative or the
// product does not fit into int64_t.
base::Result<int64_t> ElementCount(const Shape& shape);
// As above, from the first dimension `from` on.
base::Result<int64_t> ElementCount(std::span<const int64_t> dims);

}  // namespace slipway::tensor

#include "tensor/shape.h"

#include <algorithm>

#include "base/check.h"
#include "base/str_cat.h"

namespace slipway::tensor {

using base::InvalidArgument;
using base::Result;
using base::StrCat;

Shape::Shape(std::initializer_list<int64_t> dims)
    : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int64_t> dims) : rank_(static_cast<uint8_t>(dims.size())) {
  SLIPWAY_CHECK(dims.size() <= kMaxRank);
  std::ranges::copy(dims, dims_.begin());
}

Result<Shape> Shape::Create(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    return InvalidArgument(
        StrCat("shape: expected at most ", kMaxRank, " dimensions, got ", dims.size()));
  }
  return Shape(dims);
}

bool Shape::Append(int64_t size) {
  if (rank_ == kMaxRank) return false;
  dims_[rank_++] = size;
  return true;
}

bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.dims(), b.dims()); }

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (i > 0) out << ',';
    out << shape[i];
  }
  return out << ']';
}

Result<int64_t> ElementCount(std::span<const int64_t> dims) {
  int64_t count = 1;
  bool overflow = false;
  bool zero = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0) {
      return InvalidArgument(
          StrCat("shape: expected dimension ", i, " to be at least 0, got ", dims[i]));
    }
    zero = zero || dims[i] == 0;
    overflow = overflow || __builtin_mul_overflow(count, dims[i], &count);
  }
  if (zero) return 0;
  if (overflow) return InvalidArgument("shape: the product of its dimensions exceeds 2^63-1");
  return count;
}

Result<int64_t> ElementCount(const Shape& shape) { return ElementCount(shape.dims()); }

}  // namespace slipway::tensor

#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace slipway::import::sklearn {

// NumPy's sum, whose order decides whether equal importances are as large as their mean. Source:
// NumPy 2, numpy/_core/src/umath/loops_utils.h.src (pairwise_sum).
template <typename T>
T SumOf(std::span<const T> values) {
  constexpr size_t kLanes = 8;
  constexpr size_t kBlock = 128;
  const size_t count = values.size();
  if (count > kBlock) {
    const size_t half = count / 2 / kLanes * kLanes;
    return SumOf(values.first(half)) + SumOf(values.subspan(half));
  }
  size_t next = 0;
  T sum = 0;
  if (count >= kLanes) {
    std::array<T, kLanes> lanes = {};
    for (; next + kLanes <= count; next += kLanes) {
      for (size_t i = 0; i < kLanes; ++i) lanes[i] += values[next + i];
    }
    sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
          ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; next < count; ++next) sum += values[next];
  return sum;
}

}  // namespace slipway::import::sklearn

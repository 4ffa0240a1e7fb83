#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_level.h"
#include "engine/trees/lanes.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

namespace slipway::engine {

// The thresholds of a column with at most 63 of them, NaN behind the last, for many rows at a time:
// a binary search in registers, first among every fourth, then among the three between.
template <typename T>
struct alignas(64) BlockSearch {
  static constexpr size_t kMaxThresholds = 63;
  T every_fourth[16];  // all[3], all[7], ...
  T all[64];
};

#if defined(SLIPWAY_HAS_X86_LEVELS)
// bins[i] = how many of the first `count` thresholds each of 64 values reaches, which are aligned
// to 64 bytes: the fastest for a few.
template <typename T>
SLIPWAY_AVX512 inline void CountFew(const BlockSearch<T>& cuts, size_t count, const T* values,
                                    uint8_t* bins) {
  using L = Lanes<T>;
  constexpr size_t kTogether = 4;
  const __m512i one = L::Set(1);
  for (size_t first = 0; first < 64; first += kTogether * L::kCount) {
    __m512i counts[kTogether];
#pragma GCC unroll 4
    for (size_t k = 0; k < kTogether; ++k) counts[k] = L::Set(0);
    for (size_t i = 0; i < count; ++i) {
      const auto cut = L::SetAll(cuts.all[i]);
#pragma GCC unroll 4
      for (size_t k = 0; k < kTogether; ++k) {
        counts[k] =
            L::AddWhereReached(counts[k], one, L::Load(values + first + k * L::kCount), cut);
      }
    }
#pragma GCC unroll 4
    for (size_t k = 0; k < kTogether; ++k) L::StoreBytes(bins + first + k * L::kCount, counts[k]);
  }
}

// bins[i] = how many thresholds values[i] reaches, for Lanes<T>::kCount values, aligned to 64
// bytes.
template <typename T>
SLIPWAY_AVX512 inline void SearchLanes(const BlockSearch<T>& cuts, const T* values, uint8_t* bins) {
  using L = Lanes<T>;
  const auto x = L::Load(values);
  __m512i at = L::Set(0);
#pragma GCC unroll 4
  for (int32_t step = 8; step > 0; step /= 2) {
    const auto cut = L::PickOf16(cuts.every_fourth, L::Add(at, L::Set(step - 1)));
    at = L::AddWhereReached(at, L::Set(step), x, cut);
  }
  at = L::TimesFour(at);
#pragma GCC unroll 2
  for (int32_t step = 2; step > 0; step /= 2) {
    const auto cut = L::PickOf64(cuts.all, L::Add(at, L::Set(step - 1)));
    at = L::AddWhereReached(at, L::Set(step), x, cut);
  }
  L::StoreBytes(bins, at);
}
#endif

}  // namespace slipway::engine

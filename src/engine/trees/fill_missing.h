#pragma once

#include <cstddef>

#include "base/cpu_level.h"

namespace slipway::engine {

// One loop, compiled for each base::CpuLevel: the compiler knows how to make it wide.
template <typename T>
[[gnu::always_inline]] inline void FillMissingLoop(const T* __restrict from,
                                                   const T* __restrict otherwise, size_t count,
                                                   T* __restrict to) {
  for (size_t i = 0; i < count; ++i) {
    const T instead = otherwise[i];  // read in any case: no branch
    to[i] = from[i] != from[i] ? instead : from[i];
  }
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
template <typename T>
SLIPWAY_AVX2 void FillMissingAvx2(const T* from, const T* otherwise, size_t count, T* to) {
  FillMissingLoop(from, otherwise, count, to);
}
template <typename T>
SLIPWAY_AVX512 void FillMissingAvx512(const T* from, const T* otherwise, size_t count, T* to) {
  FillMissingLoop(from, otherwise, count, to);
}
#endif

// to[i] = from[i], or otherwise[i] where that is NaN. They do not overlap.
template <typename T>
void FillMissing(base::CpuLevel level, const T* from, const T* otherwise, size_t count, T* to) {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level == base::CpuLevel::kAvx512) return FillMissingAvx512(from, otherwise, count, to);
  if (level == base::CpuLevel::kAvx2) return FillMissingAvx2(from, otherwise, count, to);
#else
  static_cast<void>(level);
#endif
  FillMissingLoop(from, otherwise, count, to);
}

}  // namespace slipway::engine

#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/trees/cpu_level.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

namespace slipway::engine {

// How many of the 16 numbers at `cuts`, which is aligned to 64 bytes, x reaches; a missing value
// reaches none. One function for each CpuLevel.
template <typename T>
uint32_t CountReached(const T* cuts, T x) {
  uint32_t count = 0;
  for (size_t i = 0; i < 16; ++i) count += x >= cuts[i] ? 1 : 0;
  return count;
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
SLIPWAY_AVX2 inline uint32_t CountReachedAvx2(const float* cuts, float x) {
  const __m256 all = _mm256_set1_ps(x);
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(all, _mm256_load_ps(cuts), _CMP_GE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(all, _mm256_load_ps(cuts + 8), _CMP_GE_OQ));
  return static_cast<uint32_t>(_mm_popcnt_u32(static_cast<uint32_t>(low | high << 8)));
}
SLIPWAY_AVX2 inline uint32_t CountReachedAvx2(const double* cuts, double x) {
  const __m256d all = _mm256_set1_pd(x);
  uint32_t bits = 0;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256d reached = _mm256_cmp_pd(all, _mm256_load_pd(cuts + 4 * i), _CMP_GE_OQ);
    bits |= static_cast<uint32_t>(_mm256_movemask_pd(reached)) << (4 * i);
  }
  return static_cast<uint32_t>(_mm_popcnt_u32(bits));
}

SLIPWAY_AVX512 inline uint32_t CountReachedAvx512(const float* cuts, float x) {
  const __mmask16 reached = _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_load_ps(cuts), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(reached));
}
SLIPWAY_AVX512 inline uint32_t CountReachedAvx512(const double* cuts, double x) {
  const __m512d all = _mm512_set1_pd(x);
  const uint32_t low = _mm512_cmp_pd_mask(all, _mm512_load_pd(cuts), _CMP_GE_OQ);
  const uint32_t high = _mm512_cmp_pd_mask(all, _mm512_load_pd(cuts + 8), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(low | high << 8));
}
#endif

}  // namespace slipway::engine

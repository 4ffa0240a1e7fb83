#pragma once

#include "engine/trees/avx512.h"

#if defined(SLIPWAY_HAS_AVX512)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/trees/byte_forest.h"

namespace slipway::engine {

// How many of the 16 numbers at `cuts` x reaches.
SLIPWAY_AVX512 inline uint32_t CountReached(const float* cuts, float x) {
  const __mmask16 reached = _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_load_ps(cuts), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(reached));
}
SLIPWAY_AVX512 inline uint32_t CountReached(const double* cuts, double x) {
  const __m512d all = _mm512_set1_pd(x);
  const uint32_t low = _mm512_cmp_pd_mask(all, _mm512_load_pd(cuts), _CMP_GE_OQ);
  const uint32_t high = _mm512_cmp_pd_mask(all, _mm512_load_pd(cuts + 8), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(low | high << 8));
}

// As ByteForest::FillBins(), inline where AVX-512 is there.
template <typename T>
SLIPWAY_AVX512 inline void FillBinsAvx512(const ByteForest<T>& bytes, const T* row, uint8_t* bins,
                                          size_t step) {
  constexpr uint32_t kBlock = ByteForest<T>::kBlock;
  for (const auto& column : bytes.columns) {
    const T x = *row++;
    const uint32_t block = CountReached(column.ends.values, x);
    const T* cuts = bytes.blocks[column.first + block].values;
    *bins = static_cast<uint8_t>(block * kBlock + CountReached(cuts, x));
    bins += step;
  }
}

}  // namespace slipway::engine
#endif

#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/trees/byte_forest.h"
#include "engine/trees/cpu_level.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

namespace slipway::engine {

// How many of the numbers at `cuts`, which fill a cache line, x reaches; a missing value reaches
// none. One function for each CpuLevel.
template <typename T>
uint32_t CountReached(const T* cuts, T x) {
  uint32_t count = 0;
  for (size_t i = 0; i < 64 / sizeof(T); ++i) count += x >= cuts[i] ? 1 : 0;
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
  const int low = _mm256_movemask_pd(_mm256_cmp_pd(all, _mm256_load_pd(cuts), _CMP_GE_OQ));
  const int high = _mm256_movemask_pd(_mm256_cmp_pd(all, _mm256_load_pd(cuts + 4), _CMP_GE_OQ));
  return static_cast<uint32_t>(_mm_popcnt_u32(static_cast<uint32_t>(low | high << 4)));
}

SLIPWAY_AVX512 inline uint32_t CountReachedAvx512(const float* cuts, float x) {
  const __mmask16 reached = _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_load_ps(cuts), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(reached));
}
SLIPWAY_AVX512 inline uint32_t CountReachedAvx512(const double* cuts, double x) {
  const __mmask8 reached = _mm512_cmp_pd_mask(_mm512_set1_pd(x), _mm512_load_pd(cuts), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm_popcnt_u32(reached));
}
#endif

// How many thresholds of a column x reaches.
template <typename T>
inline uint32_t BinOf(const ByteForest<T>& bytes, const typename ByteForest<T>::Cuts& column, T x) {
  uint32_t block = 0;
  for (uint32_t end = column.end_blocks; end > 0; --end) {
    block += CountReached(bytes.blocks[column.first - end].values, x);
  }
  const T* cuts = bytes.blocks[column.first + block].values;
  return block * static_cast<uint32_t>(ByteForest<T>::kBlock) + CountReached(cuts, x);
}
#if defined(SLIPWAY_HAS_X86_LEVELS)
template <typename T>
SLIPWAY_AVX2 inline uint32_t BinOfAvx2(const ByteForest<T>& bytes,
                                       const typename ByteForest<T>::Cuts& column, T x) {
  uint32_t block = 0;
  for (uint32_t end = column.end_blocks; end > 0; --end) {
    block += CountReachedAvx2(bytes.blocks[column.first - end].values, x);
  }
  const T* cuts = bytes.blocks[column.first + block].values;
  return block * static_cast<uint32_t>(ByteForest<T>::kBlock) + CountReachedAvx2(cuts, x);
}
template <typename T>
SLIPWAY_AVX512 inline uint32_t BinOfAvx512(const ByteForest<T>& bytes,
                                           const typename ByteForest<T>::Cuts& column, T x) {
  uint32_t block = 0;
  for (uint32_t end = column.end_blocks; end > 0; --end) {
    block += CountReachedAvx512(bytes.blocks[column.first - end].values, x);
  }
  const T* cuts = bytes.blocks[column.first + block].values;
  return block * static_cast<uint32_t>(ByteForest<T>::kBlock) + CountReachedAvx512(cuts, x);
}

// bins[i] = how many of the i-th numbers of `rounds` blocks row[i] reaches, for so many columns, at
// most the width of a block.
SLIPWAY_AVX512 inline void CountSideBySide(const ByteForest<float>::Block* blocks, size_t rounds,
                                           size_t columns, const float* row, uint8_t* bins) {
  const auto there = static_cast<__mmask16>((1U << columns) - 1);
  const __m512 x = _mm512_maskz_loadu_ps(there, row);
  const __m512i one = _mm512_set1_epi32(1);
  __m512i count = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (size_t i = 0; i < rounds; ++i) {
    const __mmask16 reached = _mm512_cmp_ps_mask(x, _mm512_load_ps(blocks[i].values), _CMP_GE_OQ);
    count = _mm512_mask_add_epi32(count, reached, count, one);
  }
  _mm_mask_storeu_epi8(bins, there, _mm512_cvtepi32_epi8(count));
}
SLIPWAY_AVX512 inline void CountSideBySide(const ByteForest<double>::Block* blocks, size_t rounds,
                                           size_t columns, const double* row, uint8_t* bins) {
  const auto there = static_cast<__mmask8>((1U << columns) - 1);
  const __m512d x = _mm512_maskz_loadu_pd(there, row);
  const __m512i one = _mm512_set1_epi64(1);
  __m512i count = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (size_t i = 0; i < rounds; ++i) {
    const __mmask8 reached = _mm512_cmp_pd_mask(x, _mm512_load_pd(blocks[i].values), _CMP_GE_OQ);
    count = _mm512_mask_add_epi64(count, reached, count, one);
  }
  _mm_mask_storeu_epi8(bins, there, _mm512_cvtepi64_epi8(count));
}
#endif

}  // namespace slipway::engine

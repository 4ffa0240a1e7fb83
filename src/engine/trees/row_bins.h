#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_level.h"
#include "engine/trees/byte_forest.h"
#include "engine/trees/lanes.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

namespace slipway::engine {

// How many of the numbers at `cuts`, which fill a cache line, x reaches; a missing value reaches
// none. One function for each base::CpuLevel.
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
// most the width of a block. Where that is NaN, where_missing[i] does, which may be nullptr.
template <typename T>
SLIPWAY_AVX512 inline void CountSideBySide(const typename ByteForest<T>::Block* blocks,
                                           size_t rounds, size_t columns, const T* row,
                                           const T* where_missing, uint8_t* bins) {
  using L = Lanes<T>;
  auto x = L::LoadSome(row, columns);
  if (where_missing != nullptr) x = L::FillMissing(x, where_missing);
  const __m512i one = L::Set(1);
  __m512i count = L::Set(0);
#pragma GCC unroll 4
  for (size_t i = 0; i < rounds; ++i) {
    count = L::AddWhereReached(count, one, x, L::Load(blocks[i].values));
  }
  L::StoreSomeBytes(bins, count, columns);
}
#endif

}  // namespace slipway::engine

#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/trees/cpu_level.h"

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
// A vector of rows: 16 floats or 8 doubles, and a position for each.
template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr size_t kCount = 16;
  SLIPWAY_AVX512 static __m512 Load(const float* from) { return _mm512_load_ps(from); }
  SLIPWAY_AVX512 static __m512 SetAll(float value) { return _mm512_set1_ps(value); }
  SLIPWAY_AVX512 static __m512 PickOf16(const float* table, __m512i at) {
    return _mm512_permutexvar_ps(at, _mm512_load_ps(table));
  }
  SLIPWAY_AVX512 static __m512 PickOf64(const float* table, __m512i at) {
    const __m512 low =
        _mm512_permutex2var_ps(_mm512_load_ps(table), at, _mm512_load_ps(table + 16));
    const __m512 high =
        _mm512_permutex2var_ps(_mm512_load_ps(table + 32), at, _mm512_load_ps(table + 48));
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(32)), low, high);
  }
  SLIPWAY_AVX512 static __m512i Set(int32_t value) { return _mm512_set1_epi32(value); }
  SLIPWAY_AVX512 static __m512i Add(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  // `at` + `step` where x reaches the threshold.
  SLIPWAY_AVX512 static __m512i AddWhereReached(__m512i at, __m512i step, __m512 x, __m512 cut) {
    return _mm512_mask_add_epi32(at, _mm512_cmp_ps_mask(x, cut, _CMP_GE_OQ), at, step);
  }
  SLIPWAY_AVX512 static __m512i TimesFour(__m512i at) { return _mm512_slli_epi32(at, 2); }
  SLIPWAY_AVX512 static void StoreBytes(uint8_t* to, __m512i at) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(at));
  }
};

template <>
struct Lanes<double> {
  static constexpr size_t kCount = 8;
  SLIPWAY_AVX512 static __m512d Load(const double* from) { return _mm512_load_pd(from); }
  SLIPWAY_AVX512 static __m512d SetAll(double value) { return _mm512_set1_pd(value); }
  SLIPWAY_AVX512 static __m512d PickOf16(const double* table, __m512i at) {
    return _mm512_permutex2var_pd(_mm512_load_pd(table), at, _mm512_load_pd(table + 8));
  }
  SLIPWAY_AVX512 static __m512d PickOf64(const double* table, __m512i at) {
    const __mmask8 odd = _mm512_test_epi64_mask(at, _mm512_set1_epi64(16));
    const __m512d low = _mm512_mask_blend_pd(odd, PickOf16(table, at), PickOf16(table + 16, at));
    const __m512d high =
        _mm512_mask_blend_pd(odd, PickOf16(table + 32, at), PickOf16(table + 48, at));
    return _mm512_mask_blend_pd(_mm512_test_epi64_mask(at, _mm512_set1_epi64(32)), low, high);
  }
  SLIPWAY_AVX512 static __m512i Set(int32_t value) { return _mm512_set1_epi64(value); }
  SLIPWAY_AVX512 static __m512i Add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
  SLIPWAY_AVX512 static __m512i AddWhereReached(__m512i at, __m512i step, __m512d x, __m512d cut) {
    return _mm512_mask_add_epi64(at, _mm512_cmp_pd_mask(x, cut, _CMP_GE_OQ), at, step);
  }
  SLIPWAY_AVX512 static __m512i TimesFour(__m512i at) { return _mm512_slli_epi64(at, 2); }
  SLIPWAY_AVX512 static void StoreBytes(uint8_t* to, __m512i at) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm512_cvtepi64_epi8(at));
  }
};

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

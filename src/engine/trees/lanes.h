#pragma once

#include "base/cpu_level.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace slipway::engine {

// A vector of 16 floats or 8 doubles, and a number for each, such as a position.
template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr size_t kCount = 16;
  SLIPWAY_AVX512 static __m512 Load(const float* from) { return _mm512_load_ps(from); }
  SLIPWAY_AVX512 static __m512 LoadSome(const float* from, size_t count) {
    return _mm512_maskz_loadu_ps(First(count), from);
  }
  // x, and the number at `from` where it is NaN.
  SLIPWAY_AVX512 static __m512 FillMissing(__m512 x, const float* from) {
    return _mm512_mask_loadu_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), from);
  }
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
  SLIPWAY_AVX512 static void StoreSomeBytes(uint8_t* to, __m512i at, size_t count) {
    _mm_mask_storeu_epi8(to, First(count), _mm512_cvtepi32_epi8(at));
  }

 private:
  static __mmask16 First(size_t count) { return static_cast<__mmask16>((1U << count) - 1); }
};

template <>
struct Lanes<double> {
  static constexpr size_t kCount = 8;
  SLIPWAY_AVX512 static __m512d Load(const double* from) { return _mm512_load_pd(from); }
  SLIPWAY_AVX512 static __m512d LoadSome(const double* from, size_t count) {
    return _mm512_maskz_loadu_pd(First(count), from);
  }
  SLIPWAY_AVX512 static __m512d FillMissing(__m512d x, const double* from) {
    return _mm512_mask_loadu_pd(x, _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), from);
  }
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
  SLIPWAY_AVX512 static void StoreSomeBytes(uint8_t* to, __m512i at, size_t count) {
    _mm_mask_storeu_epi8(to, First(count), _mm512_cvtepi64_epi8(at));
  }

 private:
  static __mmask8 First(size_t count) { return static_cast<__mmask8>((1U << count) - 1); }
};

}  // namespace slipway::engine
#endif

#pragma once

#include "base/cpu_level.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>

#include <array>
#include <cstddef>

namespace slipway::engine {

struct FourFloatVectors {
  __m512 of[4];
};
struct FourDoubleVectors {
  __m512d of[4];
};

// Brings the values of eight columns together, Lanes rows at a time: to[k * stride + i] = the k-th
// of the eight numbers at rows[i]. `to` is aligned to 64 bytes, and so is its stride.
SLIPWAY_AVX512 inline void TransposeEight(const std::array<const float*, 16>& rows, float* to,
                                          size_t stride) {
  const auto two_rows = [&](size_t first, size_t second) SLIPWAY_AVX512 {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(rows[first])),
                              _mm256_loadu_ps(rows[second]), 1);
  };
  // Four rows and the four behind them, in one register each: quarters of four numbers hold
  // columns 0 to 3 or 4 to 7, of rows 0, 4 (or 8, 12).
  const auto four_columns = [&](size_t first, FourFloatVectors& out) SLIPWAY_AVX512 {
    const __m512 a = two_rows(first, first + 4);
    const __m512 b = two_rows(first + 1, first + 5);
    const __m512 c = two_rows(first + 2, first + 6);
    const __m512 d = two_rows(first + 3, first + 7);
    const __m512d ab_low = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
    const __m512d ab_high = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
    const __m512d cd_low = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
    const __m512d cd_high = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
    out.of[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_low, cd_low));
    out.of[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_low, cd_low));
    out.of[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high));
    out.of[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high));
  };
  FourFloatVectors low;
  FourFloatVectors high;
  four_columns(0, low);
  four_columns(8, high);
#pragma GCC unroll 4
  for (size_t k = 0; k < 4; ++k) {
    _mm512_store_ps(to + k * stride, _mm512_shuffle_f32x4(low.of[k], high.of[k], 0x88));
    _mm512_store_ps(to + (k + 4) * stride, _mm512_shuffle_f32x4(low.of[k], high.of[k], 0xDD));
  }
}

SLIPWAY_AVX512 inline void TransposeEight(const std::array<const double*, 8>& rows, double* to,
                                          size_t stride) {
  // Columns 0, 2, 4, 6 and 1, 3, 5, 7, in quarters of two rows each.
  FourDoubleVectors even;
  FourDoubleVectors odd;
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    const __m512d a = _mm512_loadu_pd(rows[2 * i]);
    const __m512d b = _mm512_loadu_pd(rows[2 * i + 1]);
    even.of[i] = _mm512_unpacklo_pd(a, b);
    odd.of[i] = _mm512_unpackhi_pd(a, b);
  }
  const auto store = [&](const FourDoubleVectors& columns, size_t first) SLIPWAY_AVX512 {
    const __m512d low_04 = _mm512_shuffle_f64x2(columns.of[0], columns.of[1], 0x88);
    const __m512d high_04 = _mm512_shuffle_f64x2(columns.of[2], columns.of[3], 0x88);
    const __m512d low_26 = _mm512_shuffle_f64x2(columns.of[0], columns.of[1], 0xDD);
    const __m512d high_26 = _mm512_shuffle_f64x2(columns.of[2], columns.of[3], 0xDD);
    _mm512_store_pd(to + first * stride, _mm512_shuffle_f64x2(low_04, high_04, 0x88));
    _mm512_store_pd(to + (first + 2) * stride, _mm512_shuffle_f64x2(low_26, high_26, 0x88));
    _mm512_store_pd(to + (first + 4) * stride, _mm512_shuffle_f64x2(low_04, high_04, 0xDD));
    _mm512_store_pd(to + (first + 6) * stride, _mm512_shuffle_f64x2(low_26, high_26, 0xDD));
  };
  store(even, 0);
  store(odd, 1);
}

}  // namespace slipway::engine
#endif

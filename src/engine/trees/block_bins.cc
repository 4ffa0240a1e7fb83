#include "engine/trees/block_bins.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/trees/block_transpose.h"
#include "engine/trees/row_bins.h"

namespace slipway::engine {
namespace {

constexpr size_t kColumnsTogether = 8;
// Up to so many thresholds are all compared; more are looked up in two steps, a value at a time.
constexpr uint32_t kMaxLinear = 48;

// Sixteen rows at a time, so that the compiler keeps their counts in vector registers.
template <typename T>
void CountLinear(const T* cuts, uint32_t cut_count, const T* values, uint8_t* bins) {
  using Count = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr size_t kTogether = 16;
  for (size_t first = 0; first < kBlockRows; first += kTogether) {
    Count counts[kTogether] = {};
    for (uint32_t i = 0; i < cut_count; ++i) {
      for (size_t k = 0; k < kTogether; ++k) counts[k] += values[first + k] >= cuts[i] ? 1 : 0;
    }
    for (size_t k = 0; k < kTogether; ++k) bins[first + k] = static_cast<uint8_t>(counts[k]);
  }
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
// Four vectors of rows, and how many thresholds each has reached.
SLIPWAY_AVX2 void CountLinearAvx2(const float* cuts, uint32_t cut_count, const float* values,
                                  uint8_t* bins) {
  for (size_t first = 0; first < kBlockRows; first += 32, values += 32) {
    __m256i counts[4] = {};
    for (uint32_t i = 0; i < cut_count; ++i) {
      const __m256 cut = _mm256_broadcast_ss(cuts + i);
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) {
        const __m256 reached = _mm256_cmp_ps(_mm256_load_ps(values + 8 * k), cut, _CMP_GE_OQ);
        counts[k] = _mm256_sub_epi32(counts[k], _mm256_castps_si256(reached));
      }
    }
    // Packing works within halves: the four-byte groups come out as 0 2 4 6 1 3 5 7.
    const __m256i low = _mm256_packus_epi32(counts[0], counts[1]);
    const __m256i high = _mm256_packus_epi32(counts[2], counts[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bins + first),
                        _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order));
  }
}
SLIPWAY_AVX2 void CountLinearAvx2(const double* cuts, uint32_t cut_count, const double* values,
                                  uint8_t* bins) {
  for (size_t first = 0; first < kBlockRows; first += 16, values += 16) {
    __m256i counts[4] = {};
    for (uint32_t i = 0; i < cut_count; ++i) {
      const __m256d cut = _mm256_broadcast_sd(cuts + i);
#pragma GCC unroll 4
      for (size_t k = 0; k < 4; ++k) {
        const __m256d reached = _mm256_cmp_pd(_mm256_load_pd(values + 4 * k), cut, _CMP_GE_OQ);
        counts[k] = _mm256_sub_epi64(counts[k], _mm256_castpd_si256(reached));
      }
    }
    alignas(32) uint64_t wide[16];
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; ++k) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(wide + 4 * k), counts[k]);
    }
    for (size_t k = 0; k < 16; ++k) bins[first + k] = static_cast<uint8_t>(wide[k]);
  }
}

template <typename T>
SLIPWAY_AVX2 void CountAvx2(const ByteForest<T>& bytes, size_t at, const T* values, uint8_t* bins) {
  const auto& column = bytes.columns[at];
  if (column.count <= kMaxLinear) {
    return CountLinearAvx2(bytes.blocks[column.first].values, column.count, values, bins);
  }
  for (size_t row = 0; row < kBlockRows; ++row) {
    bins[row] = static_cast<uint8_t>(BinOfAvx2(bytes, column, values[row]));
  }
}

// Up to so many are compared one after the other.
constexpr uint32_t kMaxFew = 12;

template <typename T>
SLIPWAY_AVX512 void CountAvx512(const ByteForest<T>& bytes, const BlockSearch<T>& search, size_t at,
                                const T* values, uint8_t* bins) {
  const auto& column = bytes.columns[at];
  if (column.count <= kMaxFew) return CountFew(search, column.count, values, bins);
  if (column.count <= BlockSearch<T>::kMaxThresholds) {
#pragma GCC unroll 2
    for (size_t row = 0; row < kBlockRows; row += Lanes<T>::kCount) {
      SearchLanes(search, values + row, bins + row);
    }
    return;
  }
  for (size_t row = 0; row < kBlockRows; ++row) {
    bins[row] = static_cast<uint8_t>(BinOfAvx512(bytes, column, values[row]));
  }
}
#endif

template <typename T>
void CountBaseline(const ByteForest<T>& bytes, size_t at, const T* values, uint8_t* bins) {
  const auto& column = bytes.columns[at];
  if (column.count <= kMaxLinear) {
    return CountLinear(bytes.blocks[column.first].values, column.count, values, bins);
  }
  for (size_t row = 0; row < kBlockRows; ++row) {
    bins[row] = static_cast<uint8_t>(BinOf(bytes, column, values[row]));
  }
}

// values[k][row] = the k-th number from `rows` on, of a block of `count` rows; those behind the
// last are that again.
template <typename T>
using Gathered = T[kColumnsTogether][kBlockRows];

template <typename T>
const T* RowOf(const T* rows, size_t stride, size_t count, size_t row) {
  return rows + std::min(row, count - 1) * stride;
}

template <typename T>
void Gather(const T* rows, size_t stride, size_t count, size_t together, Gathered<T>& values) {
  for (size_t row = 0; row < kBlockRows; ++row) {
    const T* from = RowOf(rows, stride, count, row);
    for (size_t k = 0; k < together; ++k) values[k][row] = from[k];
  }
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
template <typename T>
SLIPWAY_AVX512 void GatherAvx512(const T* rows, size_t stride, size_t count, Gathered<T>& values) {
  constexpr size_t kLanes = Lanes<T>::kCount;
  for (size_t first = 0; first < kBlockRows; first += kLanes) {
    std::array<const T*, kLanes> from;
    for (size_t i = 0; i < kLanes; ++i) from[i] = RowOf(rows, stride, count, first + i);
    TransposeEight(from, &values[0][first], kBlockRows);
  }
}
#endif

template <typename T>
void GatherEight(base::CpuLevel level, const T* rows, size_t stride, size_t count,
                 Gathered<T>& values) {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level == base::CpuLevel::kAvx512) return GatherAvx512(rows, stride, count, values);
#else
  static_cast<void>(level);
#endif
  Gather(rows, stride, count, kColumnsTogether, values);
}

template <typename T>
BlockSearch<T> MakeSearch(const ByteForest<T>& bytes, const typename ByteForest<T>::Cuts& column) {
  BlockSearch<T> search;
  std::ranges::fill(search.all, std::numeric_limits<T>::quiet_NaN());
  const size_t count = std::min<size_t>(column.count, BlockSearch<T>::kMaxThresholds);
  for (size_t i = 0; i < count; ++i) {
    search.all[i] =
        bytes.blocks[column.first + i / ByteForest<T>::kBlock].values[i % ByteForest<T>::kBlock];
  }
  for (size_t i = 0; i < std::size(search.every_fourth); ++i) {
    search.every_fourth[i] = search.all[4 * i + 3];
  }
  return search;
}

}  // namespace

template <typename T>
BlockBins<T>::BlockBins(ByteForest<T> bytes) : bytes_(std::move(bytes)) {
  if (bytes_.level != base::CpuLevel::kAvx512) return;
  for (const auto& column : bytes_.columns) searches_.push_back(MakeSearch(bytes_, column));
}

template <typename T>
void BlockBins<T>::Fill(const T* rows, size_t stride, size_t count, RowBytes* columns) const {
  alignas(64) Gathered<T> values;
  for (size_t first = 0; first < bytes_.columns.size(); first += kColumnsTogether) {
    const size_t together = std::min(kColumnsTogether, bytes_.columns.size() - first);
    if (together < kColumnsTogether) {
      Gather(rows + first, stride, count, together, values);
    } else {
      GatherEight(bytes_.level, rows + first, stride, count, values);
    }
    for (size_t k = 0; k < together; ++k) Count(first + k, values[k], columns[first + k].bytes);
  }
}

template <typename T>
void BlockBins<T>::Count(size_t column, const T* values, uint8_t* bins) const {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (bytes_.level == base::CpuLevel::kAvx512) {
    return CountAvx512(bytes_, searches_[column], column, values, bins);
  }
  if (bytes_.level == base::CpuLevel::kAvx2) return CountAvx2(bytes_, column, values, bins);
#endif
  CountBaseline(bytes_, column, values, bins);
}

template class BlockBins<float>;
template class BlockBins<double>;

}  // namespace slipway::engine

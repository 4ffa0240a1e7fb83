#include "engine/trees/block_steps.h"

#include <cstddef>

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

namespace slipway::engine {
namespace {

// The compiler's own vectors: SSE on x86-64, NEON on AArch64.
using Bytes16 = uint8_t __attribute__((vector_size(16), may_alias));

void FindLeaves(std::span<const BlockNode> nodes, const RowBytes* columns, Reached& reached) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  const auto* places = reinterpret_cast<const std::byte*>(&reached);
  auto* to = reinterpret_cast<Bytes16*>(reached.nodes);
  for (const BlockNode& node : nodes) {
    const auto* bins = reinterpret_cast<const Bytes16*>(values + node.column);
    const auto* left = reinterpret_cast<const Bytes16*>(places + node.left);
    const auto* right = reinterpret_cast<const Bytes16*>(places + node.right);
    const Bytes16 rank = Bytes16{} + node.rank;
#pragma GCC unroll 4
    for (size_t i = 0; i < sizeof(RowBytes) / sizeof(Bytes16); ++i) {
      *to++ = bins[i] >= rank ? right[i] : left[i];
    }
  }
}

void FindOblivious(std::span<const BlockLevel> levels, const RowBytes* columns, RowBytes& leaves) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  auto* to = reinterpret_cast<Bytes16*>(&leaves);
  constexpr size_t kVectors = sizeof(RowBytes) / sizeof(Bytes16);
  Bytes16 found[kVectors] = {};
  Bytes16 bit = Bytes16{} + uint8_t{1};
  for (const BlockLevel& level : levels) {
    const auto* bins = reinterpret_cast<const Bytes16*>(values + level.column);
    const Bytes16 rank = Bytes16{} + level.rank;
#pragma GCC unroll 4
    for (size_t i = 0; i < kVectors; ++i) found[i] |= bins[i] >= rank ? bit : Bytes16{};
    bit += bit;
  }
  for (size_t i = 0; i < kVectors; ++i) to[i] = found[i];
}

template <typename T>
void AddValues(const RowBytes& leaves, const T* values, T* sums) {
  for (size_t row = 0; row < kBlockRows; ++row) sums[row] += values[leaves.bytes[row]];
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
SLIPWAY_AVX2 void FindLeavesAvx2(std::span<const BlockNode> nodes, const RowBytes* columns,
                                 Reached& reached) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  const auto* places = reinterpret_cast<const std::byte*>(&reached);
  auto* to = reinterpret_cast<__m256i*>(reached.nodes);
  for (const BlockNode& node : nodes) {
    const auto* bins = reinterpret_cast<const __m256i*>(values + node.column);
    const auto* left = reinterpret_cast<const __m256i*>(places + node.left);
    const auto* right = reinterpret_cast<const __m256i*>(places + node.right);
    const __m256i rank = _mm256_set1_epi8(static_cast<char>(node.rank));
#pragma GCC unroll 2
    for (size_t i = 0; i < sizeof(RowBytes) / sizeof(__m256i); ++i) {
      const __m256i bin = _mm256_load_si256(bins + i);
      const __m256i reaches = _mm256_cmpeq_epi8(_mm256_max_epu8(bin, rank), bin);
      _mm256_store_si256(to++, _mm256_blendv_epi8(_mm256_load_si256(left + i),
                                                  _mm256_load_si256(right + i), reaches));
    }
  }
}

SLIPWAY_AVX2 void FindObliviousAvx2(std::span<const BlockLevel> levels, const RowBytes* columns,
                                    RowBytes& leaves) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  auto* to = reinterpret_cast<__m256i*>(&leaves);
  __m256i low = _mm256_setzero_si256();
  __m256i high = _mm256_setzero_si256();
  __m256i bit = _mm256_set1_epi8(1);
  for (const BlockLevel& level : levels) {
    const auto* bins = reinterpret_cast<const __m256i*>(values + level.column);
    const __m256i rank = _mm256_set1_epi8(static_cast<char>(level.rank));
    const auto reaches = [&](__m256i bin) SLIPWAY_AVX2 {
      return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_max_epu8(bin, rank), bin), bit);
    };
    low = _mm256_or_si256(low, reaches(_mm256_load_si256(bins)));
    high = _mm256_or_si256(high, reaches(_mm256_load_si256(bins + 1)));
    bit = _mm256_add_epi8(bit, bit);
  }
  _mm256_store_si256(to, low);
  _mm256_store_si256(to + 1, high);
}

SLIPWAY_AVX512 void FindObliviousAvx512(std::span<const BlockLevel> levels, const RowBytes* columns,
                                        RowBytes& leaves) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  __m512i found = _mm512_setzero_si512();
  __m512i bit = _mm512_set1_epi8(1);
  for (const BlockLevel& level : levels) {
    const __mmask64 right = _mm512_cmpge_epu8_mask(_mm512_load_si512(values + level.column),
                                                   _mm512_set1_epi8(static_cast<char>(level.rank)));
    found = _mm512_mask_add_epi8(found, right, found, bit);
    bit = _mm512_add_epi8(bit, bit);
  }
  _mm512_store_si512(&leaves, found);
}

SLIPWAY_AVX512 void FindLeavesAvx512(std::span<const BlockNode> nodes, const RowBytes* columns,
                                     Reached& reached) {
  const auto* values = reinterpret_cast<const std::byte*>(columns);
  const auto* places = reinterpret_cast<const std::byte*>(&reached);
  RowBytes* to = reached.nodes;
  for (const BlockNode& node : nodes) {
    const __mmask64 right = _mm512_cmpge_epu8_mask(_mm512_load_si512(values + node.column),
                                                   _mm512_set1_epi8(static_cast<char>(node.rank)));
    _mm512_store_si512(to++, _mm512_mask_blend_epi8(right, _mm512_load_si512(places + node.left),
                                                    _mm512_load_si512(places + node.right)));
  }
}

SLIPWAY_AVX512 void AddValuesAvx512(const RowBytes& leaves, const float* values, float* sums) {
  for (size_t row = 0; row < kBlockRows; row += 16) {
    const __m512i index =
        _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(leaves.bytes + row)));
    const __m512 value = _mm512_i32gather_ps(index, values, sizeof(float));
    _mm512_storeu_ps(sums + row, _mm512_add_ps(_mm512_loadu_ps(sums + row), value));
  }
}
SLIPWAY_AVX512 void AddValuesAvx512(const RowBytes& leaves, const double* values, double* sums) {
  for (size_t row = 0; row < kBlockRows; row += 8) {
    const __m256i index =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(leaves.bytes + row)));
    const __m512d value = _mm512_i32gather_pd(index, values, sizeof(double));
    _mm512_storeu_pd(sums + row, _mm512_add_pd(_mm512_loadu_pd(sums + row), value));
  }
}
#endif

}  // namespace

template <typename T>
BlockSteps<T> BlockStepsOf(base::CpuLevel level) {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level == base::CpuLevel::kAvx512) {
    return {&FindLeavesAvx512, &FindObliviousAvx512, &AddValuesAvx512};
  }
  if (level == base::CpuLevel::kAvx2) return {&FindLeavesAvx2, &FindObliviousAvx2, &AddValues<T>};
#endif
  return {&FindLeaves, &FindOblivious, &AddValues<T>};
}

template BlockSteps<float> BlockStepsOf(base::CpuLevel);
template BlockSteps<double> BlockStepsOf(base::CpuLevel);

}  // namespace slipway::engine

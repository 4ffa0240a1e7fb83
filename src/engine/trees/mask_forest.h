#pragma once

#include "base/cpu_level.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/trees/byte_forest.h"
#include "engine/trees/forest.h"

namespace slipway::engine {

// What the kernels share that ask up to 64 nodes of a tree at once, which takes AVX-512 with VBMI:
// the tests, the 64 answers to them by one byte comparison, and the way through a heap of answers.

inline constexpr size_t kLanes = 64;           // nodes asked at once
inline constexpr size_t kMaxColumns = 640;     // that lie in registers
inline constexpr uint32_t kHeapLevels = 6;     // of nodes, in 64 lanes
inline constexpr size_t kTreesPerBlock = 128;  // whose answers are kept before the first is used

// The tests of a tree, or of a piece of one, one in each lane: which column, and which rank of it.
struct alignas(64) MaskTests {
  std::array<uint8_t, kLanes> columns = {};  // the low byte
  std::array<uint8_t, kLanes> ranks = {};
};

// The bytes of a row, 64 columns a register.
template <size_t Pages>
struct Page {
  __m512i bytes[Pages];
};

// What a byte does not say of the columns in 64 lanes; bit i: of lane i.
struct HighColumns {
  uint64_t second = 0;  // 256 to 511
  uint64_t third = 0;   // 512 or more
};

// The bytes of `columns`, the low bytes of which are given.
template <size_t Pages>
SLIPWAY_AVX512 inline __m512i Fetch(const Page<Pages>& page, __m512i columns,
                                    const HighColumns& high) {
  if constexpr (Pages == 1) {
    return _mm512_permutexvar_epi8(columns, page.bytes[0]);
  } else if constexpr (Pages == 2) {
    return _mm512_permutex2var_epi8(page.bytes[0], columns, page.bytes[1]);
  } else {
    const __mmask64 upper = _mm512_movepi8_mask(columns);
    const __m512i low = _mm512_mask_blend_epi8(
        upper, _mm512_permutex2var_epi8(page.bytes[0], columns, page.bytes[1]),
        _mm512_permutex2var_epi8(page.bytes[2], columns, page.bytes[3]));
    if constexpr (Pages == 4) {
      return low;
    } else if constexpr (Pages == 5) {
      return _mm512_mask_permutexvar_epi8(low, high.second, columns, page.bytes[4]);
    } else {
      const __m512i top = _mm512_mask_blend_epi8(
          upper, _mm512_permutex2var_epi8(page.bytes[4], columns, page.bytes[5]),
          _mm512_permutex2var_epi8(page.bytes[6], columns, page.bytes[7]));
      const __m512i both = _mm512_mask_blend_epi8(high.second, low, top);
      if constexpr (Pages == 8) {
        return both;
      } else {
        const __m512i last = _mm512_permutex2var_epi8(page.bytes[8], columns, page.bytes[9]);
        return _mm512_mask_blend_epi8(high.third, both, last);
      }
    }
  }
}

// The tests of all trees or pieces.
template <typename T>
class MaskForest {
 public:
  explicit MaskForest(ByteForest<T> bytes) : bytes_(std::move(bytes)) {}

  // Appends one more, without tests yet.
  void Add() {
    tests_.emplace_back();
    high_.emplace_back();
  }
  // Puts a node of the forest into a lane.
  void SetTest(const Forest<T>& forest, size_t at, size_t lane, size_t node) {
    const uint32_t column = forest.nodes[node].column;
    tests_[at].columns[lane] = static_cast<uint8_t>(column);
    tests_[at].ranks[lane] = bytes_.ranks[node];
    if (column >= 512) {
      high_[at].third |= uint64_t{1} << lane;
    } else if (column >= 256) {
      high_[at].second |= uint64_t{1} << lane;
    }
  }
  size_t size() const { return tests_.size(); }
  size_t columns() const { return bytes_.columns.size(); }
  const ByteForest<T>& bytes() const { return bytes_; }

  // The bytes of row `row`, which come to lie in `bins`, too.
  template <size_t Bytes>
  SLIPWAY_AVX512 Page<Bytes / 64> ReadRow(const ColumnRows<T>& rows, size_t row,
                                          std::array<uint8_t, Bytes>& bins) const {
    bytes_.FillBins(rows.values + row * rows.stride, rows.where_missing, bins.data());
    std::fill(bins.begin() + static_cast<ptrdiff_t>(columns()), bins.end(), uint8_t{0});
    Page<Bytes / 64> page;
    for (size_t i = 0; i < Bytes / 64; ++i) page.bytes[i] = _mm512_load_si512(&bins[i * 64]);
    return page;
  }
  // Bit i: the row goes right at the node in lane i.
  template <size_t Pages>
  SLIPWAY_AVX512 uint64_t Answers(const Page<Pages>& page, size_t at) const {
    const MaskTests& tests = tests_[at];
    const HighColumns high = Pages > 4 ? high_[at] : HighColumns{};
    const __m512i got = Fetch<Pages>(page, _mm512_load_si512(tests.columns.data()), high);
    return _mm512_cmpge_epu8_mask(got, _mm512_load_si512(tests.ranks.data()));
  }

 private:
  ByteForest<T> bytes_;
  std::vector<MaskTests> tests_;
  std::vector<HighColumns> high_;
};

// Calls run<Pages>() for the registers that so many columns take.
template <typename Run>
void WithPages(size_t columns, const Run& run) {
  if (columns <= 64) return run.template operator()<1>();
  if (columns <= 128) return run.template operator()<2>();
  if (columns <= 256) return run.template operator()<4>();
  if (columns <= 320) return run.template operator()<5>();
  if (columns <= 512) return run.template operator()<8>();
  run.template operator()<10>();
}

// The places below `levels` levels of heaps, for a block of trees, or some of them.
using HeapSlots = std::array<uint64_t, kTreesPerBlock>;

// Where the row leaves the heaps of `count` trees from `first` on, whose node k has its children in
// lanes 2k and 2k + 1, and the root in lane 1: from 0 to 2^levels - 1, by tree.
//
// All answers first, then the ways down, eight trees at a time: mixed, each vector of eight answers
// would have to wait until the eight stores that make it up have left the store buffer.
template <typename T, size_t Pages>
SLIPWAY_AVX512 inline void WalkHeaps(const MaskForest<T>& tests, const Page<Pages>& page,
                                     uint32_t levels, size_t first, size_t count,
                                     HeapSlots& slots) {
  alignas(64) HeapSlots answers;
  for (size_t i = 0; i < count; ++i) answers[i] = tests.Answers(page, first + i);
  const __m512i one = _mm512_set1_epi64(1);
  const __m512i leftmost = _mm512_set1_epi64(int64_t{1} << levels);
  for (size_t i = 0; i < count; i += 8) {
    const __m512i bits = _mm512_load_si512(&answers[i]);
    __m512i at = one;
    for (uint32_t level = 0; level < levels; ++level) {
      const __m512i bit = _mm512_and_si512(_mm512_srlv_epi64(bits, at), one);
      at = _mm512_add_epi64(_mm512_add_epi64(at, at), bit);
    }
    _mm512_storeu_si512(&slots[i], _mm512_sub_epi64(at, leftmost));
  }
}

// nullopt when the processor, the number of columns or that of their thresholds rules masks out.
template <typename T>
std::optional<ByteForest<T>> BytesForMasks(const Forest<T>& forest, base::CpuLevel level) {
  if (level != base::CpuLevel::kAvx512 || forest.columns.size() > kMaxColumns) return std::nullopt;
  return ByteForest<T>::Make(forest, level);
}

}  // namespace slipway::engine
#endif

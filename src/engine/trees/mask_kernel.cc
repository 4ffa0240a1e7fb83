#include "engine/trees/mask_kernel.h"

#if defined(SLIPWAY_HAS_X86_LEVELS)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/trees/byte_forest.h"
#include "engine/trees/cpu_level.h"
#include "engine/trees/forest_sizes.h"
#include "engine/trees/leaf_sum.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

constexpr size_t kLanes = 64;           // nodes of a tree
constexpr size_t kMaxColumns = 512;     // that lie in registers
constexpr uint32_t kMaxDepth = 6;       // of a perfect tree
constexpr size_t kTreesPerBlock = 128;  // whose answers are kept before the first is used

// The tests of a tree, one in each lane: which column, and which rank of it.
struct alignas(64) TreeTests {
  std::array<uint8_t, kLanes> columns = {};  // the low byte
  std::array<uint8_t, kLanes> ranks = {};
};

// The bytes of a row, 64 columns a register.
template <size_t Pages>
struct Page {
  __m512i bytes[Pages];
};

template <size_t Pages>
SLIPWAY_AVX512 inline __m512i Fetch(const Page<Pages>& page, __m512i columns, uint64_t high) {
  if constexpr (Pages == 1) {
    return _mm512_permutexvar_epi8(columns, page.bytes[0]);
  } else if constexpr (Pages == 2) {
    return _mm512_permutex2var_epi8(page.bytes[0], columns, page.bytes[1]);
  } else {
    const __mmask64 upper = _mm512_movepi8_mask(columns);
    const __m512i low = _mm512_mask_blend_epi8(
        upper, _mm512_permutex2var_epi8(page.bytes[0], columns, page.bytes[1]),
        _mm512_permutex2var_epi8(page.bytes[2], columns, page.bytes[3]));
    if constexpr (Pages == 4) return low;
    const __m512i top = _mm512_mask_blend_epi8(
        upper, _mm512_permutex2var_epi8(page.bytes[Pages - 4], columns, page.bytes[Pages - 3]),
        _mm512_permutex2var_epi8(page.bytes[Pages - 2], columns, page.bytes[Pages - 1]));
    return _mm512_mask_blend_epi8(high, low, top);
  }
}

// What both kernels have: the tests, and the answers to them.
template <typename T>
class MaskForest {
 public:
  explicit MaskForest(ByteForest<T> bytes) : bytes_(std::move(bytes)) {}

  void AddTree() {
    tests_.emplace_back();
    high_.push_back(0);
  }
  // Puts a node of the forest into a lane of the latest tree.
  void SetTest(const Forest<T>& forest, size_t lane, size_t node) {
    const uint32_t column = forest.nodes[node].column;
    tests_.back().columns[lane] = static_cast<uint8_t>(column);
    tests_.back().ranks[lane] = bytes_.ranks[node];
    if (column >= 256) high_.back() |= uint64_t{1} << lane;
  }
  size_t trees() const { return tests_.size(); }
  size_t columns() const { return bytes_.columns.size(); }

  template <size_t Pages>
  SLIPWAY_AVX512 Page<Pages> ReadRow(const T* row) const {
    alignas(64) uint8_t bins[Pages * 64];
    bytes_.FillBins(row, bins, 1);
    std::fill(bins + columns(), bins + Pages * 64, 0);
    Page<Pages> page;
    for (size_t i = 0; i < Pages; ++i) page.bytes[i] = _mm512_load_si512(bins + i * 64);
    return page;
  }
  // Bit i: the row goes right at the node in lane i.
  template <size_t Pages>
  SLIPWAY_AVX512 uint64_t Answers(const Page<Pages>& page, size_t tree) const {
    const TreeTests& tests = tests_[tree];
    const uint64_t high = Pages == 8 ? high_[tree] : 0;
    const __m512i got = Fetch<Pages>(page, _mm512_load_si512(tests.columns.data()), high);
    return _mm512_cmpge_epu8_mask(got, _mm512_load_si512(tests.ranks.data()));
  }

 private:
  ByteForest<T> bytes_;
  std::vector<TreeTests> tests_;
  std::vector<uint64_t> high_;  // bit i: the column in lane i is 256 or more
};

// Calls run<Pages>() for the registers that so many columns take.
template <typename Run>
void WithPages(size_t columns, const Run& run) {
  if (columns <= 64) return run.template operator()<1>();
  if (columns <= 128) return run.template operator()<2>();
  if (columns <= 256) return run.template operator()<4>();
  run.template operator()<8>();
}

template <typename T>
class PerfectKernel final : public Kernel<T> {
 public:
  PerfectKernel(const Forest<T>& forest, ByteForest<T> bytes, uint32_t depth)
      : depth_(depth), tests_(std::move(bytes)), leaves_(forest, size_t{1} << depth) {
    for (const int32_t root : forest.roots) {
      tests_.AddTree();
      leaves_.AddTree();
      Place(forest, root, 1, 0);
    }
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    WithPages(tests_.columns(), [&]<size_t Pages>() {
      for (size_t row = 0; row < rows.count; ++row) {
        AddRow<Pages>(rows.values + row * rows.stride, sums + row * leaves_.targets());
      }
    });
  }
  std::string_view name() const override { return "perfect"; }

 private:
  // A node takes place `at` of the heap, its children 2 * at and 2 * at + 1; a leaf takes all
  // places below the one it has. At most kMaxDepth levels deep.
  void Place(const Forest<T>& forest, int32_t child, size_t at, uint32_t level) {
    if (child < 0) {
      const size_t below = size_t{1} << (depth_ - level);
      const size_t first = at * below - (size_t{1} << depth_);
      for (size_t slot = first; slot < first + below; ++slot) {
        leaves_.SetLeaf(forest, slot, graph::TreeEnsemble::LeafOf(child));
      }
      return;
    }
    const auto& node = forest.nodes[static_cast<size_t>(child)];
    tests_.SetTest(forest, at, static_cast<size_t>(child));
    Place(forest, node.left, 2 * at, level + 1);
    Place(forest, node.right, 2 * at + 1, level + 1);
  }

  // All answers of a block of trees first, then the ways down: mixed, each vector of eight answers
  // would have to wait until the eight stores that make it up have left the store buffer.
  template <size_t Pages>
  SLIPWAY_AVX512 void AddRow(const T* row, T* sums) const {
    const Page<Pages> page = tests_.template ReadRow<Pages>(row);
    alignas(64) std::array<uint64_t, kTreesPerBlock> answers;
    alignas(64) std::array<uint64_t, kTreesPerBlock> slots;
    for (size_t first = 0; first < tests_.trees(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.trees() - first);
      for (size_t i = 0; i < count; ++i) {
        answers[i] = tests_.template Answers<Pages>(page, first + i);
      }
      for (size_t i = 0; i < count; i += 8) WalkDown(&answers[i], &slots[i]);
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  SLIPWAY_AVX512 void WalkDown(const uint64_t* answers, uint64_t* slots) const {
    const __m512i bits = _mm512_load_si512(answers);
    const __m512i one = _mm512_set1_epi64(1);
    __m512i at = one;
    for (uint32_t level = 0; level < depth_; ++level) {
      const __m512i bit = _mm512_and_si512(_mm512_srlv_epi64(bits, at), one);
      at = _mm512_add_epi64(_mm512_add_epi64(at, at), bit);
    }
    const __m512i slot = _mm512_sub_epi64(at, _mm512_set1_epi64(int64_t{1} << depth_));
    _mm512_store_si512(slots, slot);
  }

  const uint32_t depth_;
  MaskForest<T> tests_;
  LeafSum<T> leaves_;
};

template <typename T>
class LeavesKernel final : public Kernel<T> {
 public:
  LeavesKernel(const Forest<T>& forest, ByteForest<T> bytes, size_t leaves)
      : tests_(std::move(bytes)), leaves_(forest, leaves) {
    for (const int32_t root : forest.roots) {
      tests_.AddTree();
      leaves_.AddTree();
      remaining_.emplace_back().leaves.fill(~uint64_t{0});
      size_t lanes = 0;
      size_t placed = 0;
      Place(forest, root, lanes, placed);
      lanes_ = std::max(lanes_, lanes);
    }
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    WithPages(tests_.columns(), [&]<size_t Pages>() {
      for (size_t row = 0; row < rows.count; ++row) {
        const T* values = rows.values + row * rows.stride;
        T* to = sums + row * leaves_.targets();
        lanes_ <= 32 ? AddRow<Pages, 4>(values, to) : AddRow<Pages, 8>(values, to);
      }
    });
  }
  std::string_view name() const override { return "leaves"; }

 private:
  struct alignas(64) Remaining {
    std::array<uint64_t, kLanes> leaves;
  };

  // Numbers lanes and leaves from left to right. At most 63 levels deep.
  void Place(const Forest<T>& forest, int32_t child, size_t& lanes, size_t& leaves) {
    if (child < 0) {
      leaves_.SetLeaf(forest, leaves++, graph::TreeEnsemble::LeafOf(child));
      return;
    }
    const auto& node = forest.nodes[static_cast<size_t>(child)];
    const size_t lane = lanes++;
    tests_.SetTest(forest, lane, static_cast<size_t>(child));
    const size_t first = leaves;
    Place(forest, node.left, lanes, leaves);
    const uint64_t on_the_left = ((uint64_t{1} << (leaves - first)) - 1) << first;
    remaining_.back().leaves[lane] = ~on_the_left;
    Place(forest, node.right, lanes, leaves);
  }

  template <size_t Pages, size_t Steps>
  SLIPWAY_AVX512 void AddRow(const T* row, T* sums) const {
    const Page<Pages> page = tests_.template ReadRow<Pages>(row);
    std::array<uint8_t, kTreesPerBlock> slots;
    for (size_t first = 0; first < tests_.trees(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.trees() - first);
      for (size_t i = 0; i < count; ++i) {
        const uint64_t answers = tests_.template Answers<Pages>(page, first + i);
        slots[i] = static_cast<uint8_t>(FindLeaf<Steps>(first + i, answers));
        leaves_.Prefetch(first + i, slots[i]);
      }
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  template <size_t Steps>
  SLIPWAY_AVX512 size_t FindLeaf(size_t tree, uint64_t answers) const {
    const uint64_t* remaining = remaining_[tree].leaves.data();
    __m512i left = _mm512_set1_epi64(-1);
#pragma GCC unroll 8
    for (size_t step = 0; step < Steps; ++step) {
      left = _mm512_mask_and_epi64(left, static_cast<__mmask8>(answers >> (8 * step)), left,
                                   _mm512_load_si512(remaining + 8 * step));
    }
    return static_cast<size_t>(
        std::countr_zero(static_cast<uint64_t>(_mm512_reduce_and_epi64(left))));
  }

  MaskForest<T> tests_;
  LeafSum<T> leaves_;
  // By tree and lane: the leaves that remain when the row goes right there.
  std::vector<Remaining> remaining_;
  size_t lanes_ = 0;  // of the largest tree
};

template <typename T>
std::optional<ByteForest<T>> BytesFor(const Forest<T>& forest, CpuLevel level) {
  if (level != CpuLevel::kAvx512 || forest.columns.size() > kMaxColumns) return std::nullopt;
  return ByteForest<T>::Make(forest, level);
}

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>& forest, CpuLevel level) {
  const ForestSizes sizes = SizesOf(forest);
  if (sizes.depth > kMaxDepth) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesFor(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<PerfectKernel<T>>(forest, *std::move(bytes), sizes.depth);
}

template <typename T>
std::unique_ptr<Kernel<T>> MakeLeavesKernel(const Forest<T>& forest, CpuLevel level) {
  const ForestSizes sizes = SizesOf(forest);
  if (sizes.leaves > kLanes) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesFor(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<LeavesKernel<T>>(forest, *std::move(bytes), sizes.leaves);
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>&, CpuLevel) {
  return nullptr;
}
template <typename T>
std::unique_ptr<Kernel<T>> MakeLeavesKernel(const Forest<T>&, CpuLevel) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakePerfectKernel(const Forest<float>&, CpuLevel);
template std::unique_ptr<Kernel<double>> MakePerfectKernel(const Forest<double>&, CpuLevel);
template std::unique_ptr<Kernel<float>> MakeLeavesKernel(const Forest<float>&, CpuLevel);
template std::unique_ptr<Kernel<double>> MakeLeavesKernel(const Forest<double>&, CpuLevel);

}  // namespace slipway::engine

#include "engine/trees/mask_kernel.h"

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
#include "engine/trees/mask_forest.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

template <typename T>
class PerfectKernel final : public Kernel<T> {
 public:
  PerfectKernel(const Forest<T>& forest, ByteForest<T> bytes, uint32_t depth)
      : depth_(depth), tests_(std::move(bytes)), leaves_(forest) {
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
  // places below the one it has. At most kHeapLevels levels deep.
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

  template <size_t Pages>
  SLIPWAY_AVX512 void AddRow(const T* row, T* sums) const {
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(row, bins);
    HeapSlots slots;
    for (size_t first = 0; first < tests_.trees(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.trees() - first);
      WalkHeaps(tests_, page, depth_, first, count, slots);
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  const uint32_t depth_;
  MaskForest<T> tests_;
  LeafSum<T> leaves_;
};

template <typename T>
class LeavesKernel final : public Kernel<T> {
 public:
  LeavesKernel(const Forest<T>& forest, ByteForest<T> bytes)
      : tests_(std::move(bytes)), leaves_(forest) {
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
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(row, bins);
    std::array<uint8_t, kTreesPerBlock> slots;
    for (size_t first = 0; first < tests_.trees(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.trees() - first);
      for (size_t i = 0; i < count; ++i) {
        const uint64_t answers = tests_.Answers(page, first + i);
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

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>& forest, CpuLevel level) {
  const ForestSizes sizes = SizesOf(forest);
  if (sizes.depth > kHeapLevels) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<PerfectKernel<T>>(forest, *std::move(bytes), sizes.depth);
}

template <typename T>
std::unique_ptr<Kernel<T>> MakeLeavesKernel(const Forest<T>& forest, CpuLevel level) {
  if (SizesOf(forest).leaves > kLanes) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<LeavesKernel<T>>(forest, *std::move(bytes));
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

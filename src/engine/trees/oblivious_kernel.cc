#include "engine/trees/oblivious_kernel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cpu_level.h"
#include "engine/trees/byte_forest.h"
#include "engine/trees/leaf_sum.h"
#include "engine/trees/mask_forest.h"
#include "engine/trees/oblivious_trees.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

constexpr size_t kByteDepth = 8;  // a leaf's number is a byte
constexpr size_t kMaxDepth = 2 * kByteDepth;

template <typename T>
class ObliviousKernel final : public Kernel<T> {
 public:
  ObliviousKernel(const Forest<T>& forest, ByteForest<T> bytes,
                  const std::vector<ObliviousTree>& trees)
      : trees_(trees.size()), tests_(std::move(bytes)), leaves_(forest) {
    for (const ObliviousTree& tree : trees) levels_ = std::max(levels_, tree.nodes.size());
    for (size_t i = 0; i < trees.size(); ++i) {
      if (i % kLanes == 0) AddBlock();
      leaves_.AddTree();
      for (size_t slot = 0; slot < trees[i].leaves.size(); ++slot) {
        leaves_.SetLeaf(forest, slot, trees[i].leaves[slot]);
      }
      const size_t first = i / kLanes * levels_;
      for (size_t level = 0; level < trees[i].nodes.size(); ++level) {
        tests_.SetTest(forest, first + level, i % kLanes, trees[i].nodes[level]);
        has_[first + level] |= uint64_t{1} << i % kLanes;
      }
    }
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    WithPages(tests_.columns(), [&]<size_t Pages>() {
      for (size_t row = 0; row < rows.count; ++row) {
        AddRow<Pages>(rows, row, sums + row * leaves_.targets());
      }
    });
  }
  bool replaces_missing() const override { return true; }
  std::string_view name() const override { return "oblivious"; }

 private:
  void AddBlock() {
    for (size_t level = 0; level < levels_; ++level) {
      tests_.Add();
      has_.push_back(0);
    }
  }

  template <size_t Pages>
  SLIPWAY_AVX512 void AddRow(const ColumnRows<T>& rows, size_t row, T* sums) const {
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(rows, row, bins);
    alignas(64) std::array<uint8_t, kLanes> low;
    alignas(64) std::array<uint8_t, kLanes> high;
    std::array<uint16_t, kLanes> slots;
    const size_t low_levels = std::min(levels_, kByteDepth);
    size_t at = 0;
    for (size_t first = 0; first < trees_; first += kLanes) {
      const size_t count = std::min(kLanes, trees_ - first);
      Answer(page, at, low_levels, low);
      at += low_levels;
      if (levels_ == low_levels) {
        leaves_.AddAll(first, std::span(low).first(count), sums);
        continue;
      }
      Answer(page, at, levels_ - low_levels, high);
      at += levels_ - low_levels;
      for (size_t i = 0; i < kLanes; ++i) slots[i] = static_cast<uint16_t>(low[i] | high[i] << 8);
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  // The answers to `levels` levels of 64 trees from `at` on, a bit each.
  template <size_t Pages>
  SLIPWAY_AVX512 void Answer(const Page<Pages>& page, size_t at, size_t levels,
                             std::array<uint8_t, kLanes>& bits) const {
    __m512i found = _mm512_setzero_si512();
    __m512i bit = _mm512_set1_epi8(1);
    for (size_t level = 0; level < levels; ++level) {
      const uint64_t right = tests_.Answers(page, at + level) & has_[at + level];
      found = _mm512_mask_add_epi8(found, right, found, bit);
      bit = _mm512_add_epi8(bit, bit);
    }
    _mm512_store_si512(bits.data(), found);
  }

  const size_t trees_;
  size_t levels_ = 0;  // of the deepest tree
  // By level of 64 trees, those of the first 64 first; a lane is a tree.
  MaskForest<T> tests_;
  std::vector<uint64_t> has_;  // bit i: tree i is so deep
  LeafSum<T> leaves_;
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeObliviousKernel(const Forest<T>& forest, base::CpuLevel level) {
  const std::optional<std::vector<ObliviousTree>> trees = ObliviousTreesOf(forest, kMaxDepth);
  if (!trees) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<ObliviousKernel<T>>(forest, *std::move(bytes), *trees);
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakeObliviousKernel(const Forest<T>&, base::CpuLevel) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakeObliviousKernel(const Forest<float>&, base::CpuLevel);
template std::unique_ptr<Kernel<double>> MakeObliviousKernel(const Forest<double>&, base::CpuLevel);

}  // namespace slipway::engine

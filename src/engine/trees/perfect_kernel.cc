#include "engine/trees/perfect_kernel.h"

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
#include "engine/trees/tree_sizes.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

template <typename T>
class PerfectKernel final : public Kernel<T> {
 public:
  PerfectKernel(const Forest<T>& forest, ByteForest<T> bytes, uint32_t depth)
      : depth_(depth), tests_(std::move(bytes)), leaves_(forest) {
    for (const int32_t root : forest.roots) {
      tests_.Add();
      leaves_.AddTree();
      Place(forest, root, 1, 0);
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
    tests_.SetTest(forest, tests_.size() - 1, at, static_cast<size_t>(child));
    Place(forest, node.left, 2 * at, level + 1);
    Place(forest, node.right, 2 * at + 1, level + 1);
  }

  template <size_t Pages>
  SLIPWAY_AVX512 void AddRow(const ColumnRows<T>& rows, size_t row, T* sums) const {
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(rows, row, bins);
    HeapSlots slots;
    for (size_t first = 0; first < tests_.size(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.size() - first);
      WalkHeaps(tests_, page, depth_, first, count, slots);
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  const uint32_t depth_;
  MaskForest<T> tests_;
  LeafSum<T> leaves_;
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>& forest, base::CpuLevel level) {
  uint32_t depth = 0;
  for (const TreeSize& size : SizesOf(forest)) depth = std::max(depth, size.depth);
  if (depth > kHeapLevels) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<PerfectKernel<T>>(forest, *std::move(bytes), depth);
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>&, base::CpuLevel) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakePerfectKernel(const Forest<float>&, base::CpuLevel);
template std::unique_ptr<Kernel<double>> MakePerfectKernel(const Forest<double>&, base::CpuLevel);

}  // namespace slipway::engine

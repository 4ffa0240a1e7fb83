#include "engine/trees/crown_kernel.h"

#include <algorithm>
#include <array>
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

constexpr size_t kEntries = size_t{1} << kHeapLevels;

// Where a row goes on: at a leaf, in that place of its tree, or at a node so many behind this one.
using Target = uint16_t;
constexpr Target kIsLeaf = 0x8000;

// A node below the crown. Those of a subtree lie side by side, level by level, so that a row finds
// most of its way in one cache line.
struct Node {
  uint16_t column = 0;
  uint8_t rank = 0;
  std::array<Target, 2> targets = {};  // left, right
};

template <typename T>
class CrownKernel final : public Kernel<T> {
 public:
  CrownKernel(const Forest<T>& forest, ByteForest<T> bytes)
      : tests_(std::move(bytes)), leaves_(forest) {}

  // False when a tree has too many leaves.
  bool AddAllTrees(const Forest<T>& forest) {
    for (const int32_t root : forest.roots) {
      tests_.AddTree();
      leaves_.AddTree();
      entries_.emplace_back();
      first_node_.push_back(static_cast<uint32_t>(nodes_.size()));
      placed_ = 0;
      Crown(forest, root, 1, 0);
      if (placed_ > kIsLeaf) return false;  // and fewer nodes than that
    }
    return true;
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    WithPages(tests_.columns(), [&]<size_t Pages>() {
      for (size_t row = 0; row < rows.count; ++row) {
        AddRow<Pages>(rows.values + row * rows.stride, sums + row * leaves_.targets());
      }
    });
  }
  std::string_view name() const override { return "crown"; }

 private:
  using Targets = std::array<Target, kTreesPerBlock>;

  // A node takes place `at` of the heap, its children 2 * at and 2 * at + 1; what is no node of the
  // crown is the target of all entries below its place.
  void Crown(const Forest<T>& forest, int32_t child, size_t at, uint32_t level) {
    if (child >= 0 && level < kHeapLevels) {
      const auto& node = forest.nodes[static_cast<size_t>(child)];
      tests_.SetTest(forest, at, static_cast<size_t>(child));
      Crown(forest, node.left, 2 * at, level + 1);
      Crown(forest, node.right, 2 * at + 1, level + 1);
      return;
    }
    const size_t below = kEntries >> level;
    const size_t first = at * below - kEntries;
    const Target target = child < 0 ? PlaceLeaf(forest, child) : PlaceSubtree(forest, child);
    std::fill_n(entries_.back().begin() + static_cast<ptrdiff_t>(first), below, target);
  }

  Target PlaceLeaf(const Forest<T>& forest, int32_t child) {
    leaves_.SetLeaf(forest, placed_, graph::TreeEnsemble::LeafOf(child));
    return static_cast<Target>(kIsLeaf | placed_++);
  }

  // Appends the nodes from `root` on, level by level; returns how far behind the tree's first.
  Target PlaceSubtree(const Forest<T>& forest, int32_t root) {
    const size_t begin = nodes_.size();
    std::vector<int32_t> children = {root};  // by node: its number in the forest
    nodes_.emplace_back();
    for (size_t i = 0; i < children.size(); ++i) {
      const auto number = static_cast<size_t>(children[i]);
      const auto& from = forest.nodes[number];
      Node node = {.column = static_cast<uint16_t>(from.column),
                   .rank = tests_.bytes().ranks[number]};
      for (const size_t side : {0, 1}) {
        const int32_t child = side == 0 ? from.left : from.right;
        if (child < 0) {
          node.targets[side] = PlaceLeaf(forest, child);
          continue;
        }
        node.targets[side] = static_cast<Target>(children.size() - i);
        children.push_back(child);
        nodes_.emplace_back();
      }
      nodes_[begin + i] = node;
    }
    return static_cast<Target>(begin - first_node_.back());
  }

  template <size_t Pages>
  SLIPWAY_AVX512 void AddRow(const T* row, T* sums) const {
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(row, bins);
    HeapSlots slots;
    Targets leaves;
    for (size_t first = 0; first < tests_.trees(); first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, tests_.trees() - first);
      WalkHeaps(tests_, page, kHeapLevels, first, count, slots);
      FindLeaves(bins.data(), first, std::span(slots).first(count), leaves);
      leaves_.AddAll(first, std::span(leaves).first(count), sums);
    }
  }

  // The place of each tree's leaf. The trees that are still on their way lie side by side, and each
  // takes one step in turn: none has to wait for the memory that another one asked for.
  void FindLeaves(const uint8_t* bins, size_t first, std::span<const uint64_t> slots,
                  Targets& leaves) const {
    std::array<uint32_t, kTreesPerBlock> at;
    std::array<uint8_t, kTreesPerBlock> trees;
    size_t open = 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      const Target target = entries_[first + i][slots[i]];
      leaves[i] = target & ~kIsLeaf;
      at[open] = first_node_[first + i] + target;
      trees[open] = static_cast<uint8_t>(i);
      open += target < kIsLeaf ? 1 : 0;
    }
    while (open > 0) {
      size_t still_open = 0;
      for (size_t i = 0; i < open; ++i) {
        const Node& node = nodes_[at[i]];
        const Target target = node.targets[bins[node.column] >= node.rank ? 1 : 0];
        const uint8_t tree = trees[i];
        leaves[tree] = target & ~kIsLeaf;
        at[still_open] = at[i] + target;
        trees[still_open] = tree;
        still_open += target < kIsLeaf ? 1 : 0;
      }
      open = still_open;
    }
  }

  MaskForest<T> tests_;
  LeafSum<T> leaves_;
  std::vector<std::array<Target, kEntries>> entries_;  // by tree and place below the crown
  std::vector<uint32_t> first_node_;                   // by tree
  std::vector<Node> nodes_;
  size_t placed_ = 0;  // leaves of the latest tree
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeCrownKernel(const Forest<T>& forest, CpuLevel level) {
  if (SizesOf(forest).depth <= kHeapLevels) return nullptr;
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  auto kernel = std::make_unique<CrownKernel<T>>(forest, *std::move(bytes));
  if (!kernel->AddAllTrees(forest)) return nullptr;
  return kernel;
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakeCrownKernel(const Forest<T>&, CpuLevel) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakeCrownKernel(const Forest<float>&, CpuLevel);
template std::unique_ptr<Kernel<double>> MakeCrownKernel(const Forest<double>&, CpuLevel);

}  // namespace slipway::engine

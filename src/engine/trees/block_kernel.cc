#include "engine/trees/block_kernel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/trees/block_bins.h"
#include "engine/trees/block_steps.h"
#include "engine/trees/byte_forest.h"
#include "engine/trees/leaf_sum.h"
#include "engine/trees/oblivious_trees.h"
#include "engine/trees/tree_sizes.h"

namespace slipway::engine {
namespace {

constexpr size_t kMaxColumns = 1023;  // whose vectors have positions of 16 bits
constexpr size_t kMaxObliviousDepth = 8;
constexpr size_t kMaxSums = 32;  // of a row, that lie side by side with those of other rows

template <typename T>
class BlockKernel final : public Kernel<T> {
 public:
  BlockKernel(const Forest<T>& forest, ByteForest<T> bytes)
      : steps_(BlockStepsOf<T>(bytes.level)), bins_(std::move(bytes)), leaves_(forest) {
    if (const auto trees = ObliviousTreesOf(forest, kMaxObliviousDepth)) {
      for (const ObliviousTree& tree : *trees) PlaceLevels(forest, tree);
      first_.push_back(levels_.size());
      return;
    }
    for (const int32_t root : forest.roots) {
      leaves_.AddTree();
      size_t placed = 0;
      first_.push_back(nodes_.size());
      roots_.push_back(Place(forest, root, placed));
    }
    first_.push_back(nodes_.size());
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    Reached reached;
    for (size_t leaf = 0; leaf < kMaxBlockLeaves; ++leaf) {
      std::memset(&reached.leaves[leaf], static_cast<int>(leaf), sizeof(RowBytes));
    }
    for (size_t row = 0; row < rows.count; row += kBlockRows) {
      const size_t count = std::min(kBlockRows, rows.count - row);
      RowBytes columns[kMaxColumns];
      bins_.Fill(rows.values + row * rows.stride, rows.stride, count, columns);
      T* to = sums + row * leaves_.targets();
      if (leaves_.holds_values() && leaves_.targets() <= kMaxSums) {
        AddValues(columns, reached, count, to);
      } else {
        AddLeaves(columns, reached, count, to);
      }
    }
  }
  std::string_view name() const override { return "block"; }

 private:
  void PlaceLevels(const Forest<T>& forest, const ObliviousTree& tree) {
    leaves_.AddTree();
    for (size_t slot = 0; slot < tree.leaves.size(); ++slot) {
      leaves_.SetLeaf(forest, slot, tree.leaves[slot]);
    }
    first_.push_back(levels_.size());
    for (const size_t node : tree.nodes) {
      const size_t column = forest.nodes[node].column * sizeof(RowBytes);
      levels_.push_back(
          {.column = static_cast<uint16_t>(column), .rank = bins_.bytes().ranks[node]});
    }
  }

  // Appends the nodes below `child`, children first, and returns where its vector is. A tree of 256
  // leaves is at most 255 levels deep.
  uint16_t Place(const Forest<T>& forest, int32_t child, size_t& placed) {
    if (child < 0) {
      leaves_.SetLeaf(forest, placed, graph::TreeEnsemble::LeafOf(child));
      return static_cast<uint16_t>(placed++ * sizeof(RowBytes));
    }
    const auto& node = forest.nodes[static_cast<size_t>(child)];
    const uint16_t left = Place(forest, node.left, placed);
    const uint16_t right = Place(forest, node.right, placed);
    const size_t number = nodes_.size() - first_.back();
    nodes_.push_back({.column = static_cast<uint16_t>(node.column * sizeof(RowBytes)),
                      .left = left,
                      .right = right,
                      .rank = bins_.bytes().ranks[static_cast<size_t>(child)]});
    return static_cast<uint16_t>((kMaxBlockLeaves + number) * sizeof(RowBytes));
  }

  // Target by target, so that the values of 64 rows are added at once.
  void AddValues(const RowBytes* columns, Reached& reached, size_t count, T* sums) const {
    const size_t targets = leaves_.targets();
    alignas(64) std::array<std::array<T, kBlockRows>, kMaxSums> all;
    for (size_t k = 0; k < targets; ++k) {
      for (size_t row = 0; row < kBlockRows; ++row) {
        all[k][row] = row < count ? sums[row * targets + k] : T{0};
      }
    }
    for (size_t tree = 0; tree < trees(); ++tree) {
      steps_.add_values(FindLeaves(columns, reached, tree), leaves_.values(tree),
                        all[leaves_.target(tree)].data());
    }
    for (size_t row = 0; row < count; ++row) {
      for (size_t k = 0; k < targets; ++k) sums[row * targets + k] = all[k][row];
    }
  }

  void AddLeaves(const RowBytes* columns, Reached& reached, size_t count, T* sums) const {
    for (size_t tree = 0; tree < trees(); ++tree) {
      const RowBytes& leaves = FindLeaves(columns, reached, tree);
      leaves_.AddToRows(tree, std::span<const uint8_t>(leaves.bytes).first(count), sums);
    }
  }

  size_t trees() const { return first_.size() - 1; }

  // The leaf of each row in one tree.
  const RowBytes& FindLeaves(const RowBytes* columns, Reached& reached, size_t tree) const {
    const size_t count = first_[tree + 1] - first_[tree];
    if (roots_.empty()) {
      steps_.find_oblivious(std::span(levels_).subspan(first_[tree], count), columns,
                            reached.nodes[0]);
      return reached.nodes[0];
    }
    steps_.find_leaves(std::span(nodes_).subspan(first_[tree], count), columns, reached);
    const size_t root = roots_[tree] / sizeof(RowBytes);
    return root < kMaxBlockLeaves ? reached.leaves[root] : reached.nodes[root - kMaxBlockLeaves];
  }

  const BlockSteps<T> steps_;
  const BlockBins<T> bins_;
  LeafSum<T> leaves_;
  std::vector<size_t> first_;  // node or level of each tree, and behind the last
  std::vector<BlockNode> nodes_;
  std::vector<uint16_t> roots_;  // where each tree's answer is
  // Of oblivious trees, instead.
  std::vector<BlockLevel> levels_;
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeBlockKernel(const Forest<T>& forest, base::CpuLevel level) {
  if (forest.columns.size() > kMaxColumns) return nullptr;
  const std::vector<TreeSize> sizes = SizesOf(forest);
  const auto too_large = [](const TreeSize& size) { return size.leaves > kMaxBlockLeaves; };
  if (std::ranges::any_of(sizes, too_large)) return nullptr;
  std::optional<ByteForest<T>> bytes = ByteForest<T>::Make(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<BlockKernel<T>>(forest, *std::move(bytes));
}

template std::unique_ptr<Kernel<float>> MakeBlockKernel(const Forest<float>&, base::CpuLevel);
template std::unique_ptr<Kernel<double>> MakeBlockKernel(const Forest<double>&, base::CpuLevel);

}  // namespace slipway::engine

#include "engine/trees/walk_kernel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace slipway::engine {
namespace {

constexpr size_t kTreesTogether = 12;
constexpr size_t kRowsTogether = 16;
constexpr size_t kRowsPerBlock = 64;

// `left` is relative to the node itself; a leaf's is 0, and its column is the NaN behind the row,
// so that a row stays there. A leaf holds its value, or its number where leaves have several.
template <typename T, typename Index>
struct WalkNode {
  T threshold;
  Index column;
  Index left;
};

template <typename T>
T NumberAsValue(uint32_t leaf) {
  T value = 0;
  std::memcpy(&value, &leaf, sizeof(leaf));
  return value;
}

template <typename T>
uint32_t ValueAsNumber(const T& value) {
  uint32_t leaf;
  std::memcpy(&leaf, &value, sizeof(leaf));
  return leaf;
}

template <typename T, typename Index>
class WalkKernel final : public Kernel<T> {
 public:
  using Node = WalkNode<T, Index>;

  // nullptr when a column or a distance does not fit into Index.
  static std::unique_ptr<WalkKernel> Make(const Forest<T>& forest) {
    auto kernel = std::unique_ptr<WalkKernel>(new WalkKernel(forest));
    for (const int32_t root : forest.roots) {
      if (!kernel->AddTree(forest, root)) return nullptr;
    }
    return kernel;
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    size_t row = 0;
    for (; row + kRowsTogether <= rows.count; row += kRowsPerBlock) {
      const size_t count =
          std::min(kRowsPerBlock, rows.count - row) / kRowsTogether * kRowsTogether;
      AddBlock(rows.values + row * rows.stride, rows.stride, count, sums + row * targets_);
      if (count < kRowsPerBlock) {
        row += count;
        break;
      }
    }
    for (; row < rows.count; ++row) AddRow(rows.values + row * rows.stride, sums + row * targets_);
  }

  std::string_view name() const override { return "walk"; }

 private:
  struct Tree {
    uint32_t root;
    uint32_t depth;
  };

  explicit WalkKernel(const Forest<T>& forest)
      : targets_(forest.targets),
        values_per_leaf_(forest.values_per_leaf),
        leaf_column_(static_cast<uint32_t>(forest.columns.size())) {
    if (!forest.one_target()) {
      first_target_ = forest.first_target;
      values_ = forest.values;
    }
    nodes_.reserve(forest.nodes.size() * 2 + forest.roots.size());
  }

  // Appends a tree level by level. False when it does not fit.
  bool AddTree(const Forest<T>& forest, int32_t root) {
    if (leaf_column_ > std::numeric_limits<Index>::max()) return false;
    trees_.push_back({static_cast<uint32_t>(nodes_.size()), 0});
    std::vector<std::pair<int32_t, size_t>> level = {{root, nodes_.size()}};
    std::vector<std::pair<int32_t, size_t>> next;
    nodes_.emplace_back();
    for (uint32_t depth = 0; !level.empty(); ++depth) {
      trees_.back().depth = depth;
      next.clear();
      for (const auto& [child, at] : level) {
        if (child < 0) {
          SetLeaf(forest, static_cast<uint32_t>(~child), nodes_[at]);
        } else if (!SetInner(forest.nodes[static_cast<size_t>(child)], at, next)) {
          return false;
        }
      }
      std::swap(level, next);
    }
    return true;
  }

  void SetLeaf(const Forest<T>& forest, uint32_t leaf, Node& node) {
    node.column = static_cast<Index>(leaf_column_);
    node.left = 0;
    node.threshold = forest.one_target() ? forest.values[leaf] : NumberAsValue<T>(leaf);
  }

  bool SetInner(const typename Forest<T>::Node& from, size_t at,
                std::vector<std::pair<int32_t, size_t>>& next) {
    const size_t left = nodes_.size();
    if (left - at > std::numeric_limits<Index>::max()) return false;
    nodes_[at] = {from.threshold, static_cast<Index>(from.column), static_cast<Index>(left - at)};
    next.emplace_back(from.left, left);
    next.emplace_back(from.right, left + 1);
    nodes_.resize(nodes_.size() + 2);
    return true;
  }

  static const Node* Step(const Node* node, const T* row) {
    return node + node->left + (row[node->column] >= node->threshold ? 1 : 0);
  }

  void AddLeaf(const Node* leaf, T* sums) const {
    if (targets_ == 1) {
      *sums += leaf->threshold;
      return;
    }
    const uint32_t number = ValueAsNumber(leaf->threshold);
    T* to = sums + first_target_[number];
    const T* from = &values_[size_t{number} * values_per_leaf_];
    for (uint32_t k = 0; k < values_per_leaf_; ++k) to[k] += from[k];
  }

  void AddRow(const T* row, T* sums) const {
    std::array<const Node*, kTreesTogether> at;
    size_t tree = 0;
    for (; tree + kTreesTogether <= trees_.size(); tree += kTreesTogether) {
      uint32_t depth = 0;
      for (size_t k = 0; k < kTreesTogether; ++k) {
        at[k] = &nodes_[trees_[tree + k].root];
        depth = std::max(depth, trees_[tree + k].depth);
      }
      for (uint32_t level = 0; level < depth; ++level) {
#pragma GCC unroll 12
        for (size_t k = 0; k < kTreesTogether; ++k) at[k] = Step(at[k], row);
      }
      for (size_t k = 0; k < kTreesTogether; ++k) AddLeaf(at[k], sums);
    }
    for (; tree < trees_.size(); ++tree) {
      const Node* node = &nodes_[trees_[tree].root];
      for (uint32_t level = 0; level < trees_[tree].depth; ++level) node = Step(node, row);
      AddLeaf(node, sums);
    }
  }

  // `count` is a multiple of kRowsTogether.
  void AddBlock(const T* rows, size_t stride, size_t count, T* sums) const {
    std::array<const Node*, kRowsTogether> at;
    for (const Tree& tree : trees_) {
      for (size_t first = 0; first < count; first += kRowsTogether) {
        at.fill(&nodes_[tree.root]);
        const T* row = rows + first * stride;
        for (uint32_t level = 0; level < tree.depth; ++level) {
#pragma GCC unroll 16
          for (size_t k = 0; k < kRowsTogether; ++k) at[k] = Step(at[k], row + k * stride);
        }
        for (size_t k = 0; k < kRowsTogether; ++k) AddLeaf(at[k], sums + (first + k) * targets_);
      }
    }
  }

  const uint32_t targets_;
  const uint32_t values_per_leaf_;
  const uint32_t leaf_column_;
  std::vector<Node> nodes_;
  std::vector<Tree> trees_;
  std::vector<uint32_t> first_target_;  // by leaf; empty for one target
  std::vector<T> values_;               // likewise
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeWalkKernel(const Forest<T>& forest) {
  if constexpr (std::is_same_v<T, float>) {
    if (auto narrow = WalkKernel<T, uint16_t>::Make(forest)) return narrow;
  }
  return WalkKernel<T, uint32_t>::Make(forest);
}

template std::unique_ptr<Kernel<float>> MakeWalkKernel(const Forest<float>&);
template std::unique_ptr<Kernel<double>> MakeWalkKernel(const Forest<double>&);

}  // namespace slipway::engine

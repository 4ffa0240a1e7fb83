#include "engine/trees/walk_kernel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/trees/byte_forest.h"

namespace slipway::engine {
namespace {

// How one row goes through many trees.
enum class WalkOrder : uint8_t {
  kTogether,  // twelve trees, until all are at a leaf
  kOpen,      // all, as far as leaves lie on average; then those that are not at one, side by side
};

constexpr size_t kTreesTogether = 12;
constexpr size_t kRowsTogether = 16;
constexpr size_t kRowsPerBlock = 64;
constexpr size_t kTreesPerBlock = 128;
// Whether all nodes are leaves is looked at from this level on, and then every so many levels.
constexpr uint32_t kFirstLook = 8;
constexpr uint32_t kLevelsBetweenLooks = 2;

// `left` is relative to the node itself; a leaf's is 0, and it looks at the key behind the row,
// which reaches no threshold, so that a row stays there. In this order no byte is lost between the
// members: how many nodes a cache holds is what the time goes to.
template <typename Key, typename Column, typename Left>
struct WalkNode {
  Left left;
  Column column;
  Key threshold;
};
static_assert(sizeof(WalkNode<float, uint16_t, uint16_t>) == 8);
static_assert(sizeof(WalkNode<double, uint32_t, uint32_t>) == 16);
static_assert(sizeof(WalkNode<uint8_t, uint8_t, uint16_t>) == 4);

// The nodes of all trees, level by level, and what a leaf adds. Key is what a node compares: T, or
// a byte.
template <typename T, typename Node>
class WalkTrees {
 public:
  using Key = decltype(Node::threshold);
  using Column = decltype(Node::column);
  using Left = decltype(Node::left);

  struct Tree {
    uint32_t root;
    uint32_t depth;
  };

  WalkTrees(const Forest<T>& forest, const std::vector<Key>& thresholds)
      : forest_(&forest),
        thresholds_(&thresholds),
        targets_(forest.targets),
        values_per_leaf_(forest.values_per_leaf),
        leaf_column_(forest.columns.size()) {
    if (forest.targets != 1) {
      first_target_ = forest.first_target;
      values_ = forest.values;
    }
    nodes_.reserve(forest.nodes.size() * 2 + forest.roots.size());
  }

  // False when a column or a distance does not fit into a node.
  bool AddTrees() {
    if (leaf_column_ > std::numeric_limits<Column>::max()) return false;
    for (const int32_t root : forest_->roots) {
      if (!AddTree(root)) return false;
    }
    forest_ = nullptr;
    thresholds_ = nullptr;
    if (leaves_ > 0) mean_depth_ = static_cast<uint32_t>(leaf_levels_ / leaves_);
    return true;
  }

  const std::vector<Tree>& trees() const { return trees_; }
  const Node* root(const Tree& tree) const { return &nodes_[tree.root]; }
  uint32_t targets() const { return targets_; }
  // Of the leaves.
  uint32_t mean_depth() const { return mean_depth_; }

  static const Node* Step(const Node* node, const Key* row) {
    size_t right = row[node->column] >= node->threshold ? 1 : 0;
    // A number, whatever the compiler thinks: g++ 12 makes a branch of it, four times slower.
    __asm__("" : "+r"(right));
    return node + node->left + right;
  }

  void AddLeaf(const Node* leaf, T* sums) const {
    const auto at = static_cast<size_t>(leaf - nodes_.data());
    if (targets_ == 1) {
      if constexpr (std::is_same_v<Key, T>) {
        *sums += leaf->threshold;
      } else {
        *sums += leaf_values_[at];
      }
      return;
    }
    const size_t number = leaf_numbers_[at];
    T* to = sums + first_target_[number];
    const T* from = &values_[number * values_per_leaf_];
    for (uint32_t k = 0; k < values_per_leaf_; ++k) to[k] += from[k];
  }

 private:
  using Level = std::vector<std::pair<int32_t, size_t>>;  // child, and the node that it becomes

  bool AddTree(int32_t root) {
    trees_.push_back({static_cast<uint32_t>(nodes_.size()), 0});
    Level level = {{root, nodes_.size()}};
    Level next;
    Grow(1);
    for (uint32_t depth = 0; !level.empty(); ++depth) {
      trees_.back().depth = depth;
      next.clear();
      for (const auto& [child, at] : level) {
        if (child < 0) {
          SetLeaf(graph::TreeEnsemble::LeafOf(child), at);
          ++leaves_;
          leaf_levels_ += depth;
        } else if (!SetInner(static_cast<size_t>(child), at, next)) {
          return false;
        }
      }
      std::swap(level, next);
    }
    return true;
  }

  void Grow(size_t count) {
    nodes_.resize(nodes_.size() + count);
    if (targets_ != 1) leaf_numbers_.resize(nodes_.size());
    if (targets_ == 1 && !std::is_same_v<Key, T>) leaf_values_.resize(nodes_.size());
  }

  void SetLeaf(size_t leaf, size_t at) {
    Node& node = nodes_[at];
    node.column = static_cast<Column>(leaf_column_);
    node.left = 0;
    node.threshold = 1;
    if (targets_ != 1) {
      leaf_numbers_[at] = static_cast<uint32_t>(leaf);
    } else if constexpr (std::is_same_v<Key, T>) {
      node.threshold = forest_->values[leaf];
    } else {
      leaf_values_[at] = forest_->values[leaf];
    }
  }

  bool SetInner(size_t number, size_t at, Level& next) {
    const auto& from = forest_->nodes[number];
    const size_t left = nodes_.size();
    if (left - at > std::numeric_limits<Left>::max()) return false;
    nodes_[at] = {.left = static_cast<Left>(left - at),
                  .column = static_cast<Column>(from.column),
                  .threshold = (*thresholds_)[number]};
    next.emplace_back(from.left, left);
    next.emplace_back(from.right, left + 1);
    Grow(2);
    return true;
  }

  const Forest<T>* forest_;             // while the trees are added
  const std::vector<Key>* thresholds_;  // likewise; by node of the forest
  const uint32_t targets_;
  const uint32_t values_per_leaf_;
  const size_t leaf_column_;
  size_t leaves_ = 0;
  size_t leaf_levels_ = 0;
  uint32_t mean_depth_ = 0;
  std::vector<Node> nodes_;
  std::vector<Tree> trees_;
  std::vector<T> leaf_values_;          // by node: for bytes and one target
  std::vector<uint32_t> leaf_numbers_;  // by node: for several targets
  std::vector<uint32_t> first_target_;  // by leaf number
  std::vector<T> values_;               // likewise
};

// Takes `depth` steps with all nodes together, or fewer once all are leaves: of trees that are not
// balanced few rows go to the bottom. `row(k)` is the row of node k.
template <size_t Together, typename Trees, typename Node, typename Row>
void GoDown(std::array<const Node*, Together>& at, uint32_t depth, const Row& row) {
  for (uint32_t level = 0; level < depth; level += kLevelsBetweenLooks) {
    if (level >= kFirstLook) {
      uint32_t below = 0;
#pragma GCC unroll 16
      for (size_t k = 0; k < Together; ++k) below |= at[k]->left;
      if (below == 0) return;
    }
    const uint32_t steps = std::min(kLevelsBetweenLooks, depth - level);
    for (uint32_t step = 0; step < steps; ++step) {
#pragma GCC unroll 16
      for (size_t k = 0; k < Together; ++k) at[k] = Trees::Step(at[k], row(k));
    }
  }
}

// Adds all trees to the sums of one row.
template <typename T, typename Node, typename Key>
void AddToRow(const WalkTrees<T, Node>& trees, const Key* row, T* sums) {
  std::array<const Node*, kTreesTogether> at;
  const auto& all = trees.trees();
  size_t tree = 0;
  for (; tree + kTreesTogether <= all.size(); tree += kTreesTogether) {
    uint32_t depth = 0;
    for (size_t k = 0; k < kTreesTogether; ++k) {
      at[k] = trees.root(all[tree + k]);
      depth = std::max(depth, all[tree + k].depth);
    }
    GoDown<kTreesTogether, WalkTrees<T, Node>>(at, depth, [row](size_t) { return row; });
    for (size_t k = 0; k < kTreesTogether; ++k) trees.AddLeaf(at[k], sums);
  }
  for (; tree < all.size(); ++tree) {
    const Node* node = trees.root(all[tree]);
    for (uint32_t level = 0; level < all[tree].depth; ++level) node = trees.Step(node, row);
    trees.AddLeaf(node, sums);
  }
}

// Takes `levels` steps from each of `nodes`.
template <typename Trees, typename Node, typename Key>
void GoDownTogether(std::span<const Node*> nodes, uint32_t levels, const Key* row) {
  size_t first = 0;
  for (; first + kTreesTogether <= nodes.size(); first += kTreesTogether) {
    std::array<const Node*, kTreesTogether> at;
    std::copy_n(nodes.begin() + static_cast<ptrdiff_t>(first), kTreesTogether, at.begin());
    for (uint32_t level = 0; level < levels; ++level) {
#pragma GCC unroll 16
      for (size_t k = 0; k < kTreesTogether; ++k) at[k] = Trees::Step(at[k], row);
    }
    std::copy_n(at.begin(), kTreesTogether, nodes.begin() + static_cast<ptrdiff_t>(first));
  }
  for (; first < nodes.size(); ++first) {
    for (uint32_t level = 0; level < levels; ++level) {
      nodes[first] = Trees::Step(nodes[first], row);
    }
  }
}

// The same: of trees that are not balanced few rows go to the bottom, and those that have not come
// to a leaf after some levels go on side by side, without the others.
template <typename T, typename Node, typename Key>
void AddOpenToRow(const WalkTrees<T, Node>& trees, const Key* row, T* sums) {
  using Trees = WalkTrees<T, Node>;
  std::array<const Node*, kTreesPerBlock> at;
  std::array<const Node*, kTreesPerBlock> open;
  std::array<uint8_t, kTreesPerBlock> which;
  const auto& all = trees.trees();
  for (size_t first = 0; first < all.size(); first += kTreesPerBlock) {
    const size_t count = std::min(kTreesPerBlock, all.size() - first);
    for (size_t i = 0; i < count; ++i) at[i] = trees.root(all[first + i]);
    GoDownTogether<Trees, Node>(std::span(at).first(count), trees.mean_depth(), row);
    size_t left = 0;
    for (size_t i = 0; i < count; ++i) {
      open[left] = at[i];
      which[left] = static_cast<uint8_t>(i);
      left += at[i]->left != 0 ? 1 : 0;
    }
    while (left > 0) {
      GoDownTogether<Trees, Node>(std::span(open).first(left), kLevelsBetweenLooks, row);
      size_t still = 0;
      for (size_t i = 0; i < left; ++i) {
        const Node* node = open[i];
        const uint8_t tree = which[i];
        at[tree] = node;
        open[still] = node;
        which[still] = tree;
        still += node->left != 0 ? 1 : 0;
      }
      left = still;
    }
    for (size_t i = 0; i < count; ++i) trees.AddLeaf(at[i], sums);
  }
}

// Adds all trees to the sums of `count` rows, a multiple of kRowsTogether.
template <typename T, typename Node, typename Key>
void AddToRows(const WalkTrees<T, Node>& trees, const Key* rows, size_t stride, size_t count,
               T* sums) {
  std::array<const Node*, kRowsTogether> at;
  for (const auto& tree : trees.trees()) {
    for (size_t first = 0; first < count; first += kRowsTogether) {
      at.fill(trees.root(tree));
      const Key* row = rows + first * stride;
      GoDown<kRowsTogether, WalkTrees<T, Node>>(at, tree.depth,
                                                [=](size_t k) { return row + k * stride; });
      for (size_t k = 0; k < kRowsTogether; ++k) {
        trees.AddLeaf(at[k], sums + (first + k) * trees.targets());
      }
    }
  }
}

// Rows in blocks, and those that are left one by one.
template <typename T, typename Node, typename Key>
void AddToBlock(const WalkTrees<T, Node>& trees, WalkOrder order, const Key* rows, size_t stride,
                size_t count, T* sums) {
  const size_t together = count / kRowsTogether * kRowsTogether;
  if (together > 0) AddToRows(trees, rows, stride, together, sums);
  for (size_t row = together; row < count; ++row) {
    T* to = sums + row * trees.targets();
    if (order == WalkOrder::kTogether) {
      AddToRow(trees, rows + row * stride, to);
    } else {
      AddOpenToRow(trees, rows + row * stride, to);
    }
  }
}

template <typename T, typename Node>
class WalkKernel final : public Kernel<T> {
 public:
  WalkKernel(std::shared_ptr<const WalkTrees<T, Node>> trees, WalkOrder order)
      : trees_(std::move(trees)), order_(order) {}

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    for (size_t row = 0; row < rows.count; row += kRowsPerBlock) {
      AddToBlock(*trees_, order_, rows.values + row * rows.stride, rows.stride,
                 std::min(kRowsPerBlock, rows.count - row), sums + row * trees_->targets());
    }
  }
  std::string_view name() const override {
    return order_ == WalkOrder::kTogether ? "walk" : "open walk";
  }

 private:
  const std::shared_ptr<const WalkTrees<T, Node>> trees_;
  const WalkOrder order_;
};

template <typename T, typename Node>
class ByteWalkKernel final : public Kernel<T> {
 public:
  static constexpr size_t kMaxColumns = 1023;

  ByteWalkKernel(std::shared_ptr<const ByteForest<T>> bytes,
                 std::shared_ptr<const WalkTrees<T, Node>> trees, WalkOrder order)
      : bytes_(std::move(bytes)), trees_(std::move(trees)), order_(order) {}

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    const size_t columns = bytes_->columns.size();
    const size_t stride = columns + 1;  // the last byte of a row is 0, which reaches nothing
    std::array<uint8_t, kRowsPerBlock*(kMaxColumns + 1)> bins;
    for (size_t row = 0; row < rows.count; row += kRowsPerBlock) {
      const size_t count = std::min(kRowsPerBlock, rows.count - row);
      for (size_t i = 0; i < count; ++i) {
        bytes_->FillBins(rows.values + (row + i) * rows.stride, &bins[i * stride]);
        bins[i * stride + columns] = 0;
      }
      AddToBlock(*trees_, order_, bins.data(), stride, count, sums + row * trees_->targets());
    }
  }
  std::string_view name() const override {
    return order_ == WalkOrder::kTogether ? "byte walk" : "open byte walk";
  }

 private:
  const std::shared_ptr<const ByteForest<T>> bytes_;
  const std::shared_ptr<const WalkTrees<T, Node>> trees_;
  const WalkOrder order_;
};

// Null when the nodes are too narrow for the forest.
template <typename T, typename Node>
std::shared_ptr<const WalkTrees<T, Node>> MakeTrees(
    const Forest<T>& forest, const std::vector<decltype(Node::threshold)>& thresholds) {
  auto trees = std::make_shared<WalkTrees<T, Node>>(forest, thresholds);
  if (!trees->AddTrees()) return nullptr;
  return trees;
}

constexpr WalkOrder kOrders[] = {WalkOrder::kTogether, WalkOrder::kOpen};

template <typename T, typename Node>
std::vector<std::unique_ptr<Kernel<T>>> MakeWalks(const Forest<T>& forest,
                                                  const std::vector<T>& thresholds) {
  std::vector<std::unique_ptr<Kernel<T>>> kernels;
  const auto trees = MakeTrees<T, Node>(forest, thresholds);
  if (trees == nullptr) return kernels;
  for (const WalkOrder order : kOrders) {
    kernels.push_back(std::make_unique<WalkKernel<T, Node>>(trees, order));
  }
  return kernels;
}

template <typename T, typename Column>
std::vector<std::unique_ptr<Kernel<T>>> MakeByteWalks(const Forest<T>& forest,
                                                      ByteForest<T> bytes) {
  using Node = WalkNode<uint8_t, Column, uint16_t>;
  std::vector<std::unique_ptr<Kernel<T>>> kernels;
  const auto trees = MakeTrees<T, Node>(forest, bytes.ranks);
  if (trees == nullptr) return kernels;
  const auto shared = std::make_shared<const ByteForest<T>>(std::move(bytes));
  for (const WalkOrder order : kOrders) {
    kernels.push_back(std::make_unique<ByteWalkKernel<T, Node>>(shared, trees, order));
  }
  return kernels;
}

}  // namespace

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> MakeWalkKernels(const Forest<T>& forest) {
  std::vector<T> thresholds;
  thresholds.reserve(forest.nodes.size());
  for (const auto& node : forest.nodes) thresholds.push_back(node.threshold);
  if constexpr (std::is_same_v<T, float>) {
    auto narrow = MakeWalks<T, WalkNode<T, uint16_t, uint16_t>>(forest, thresholds);
    if (!narrow.empty()) return narrow;
  }
  return MakeWalks<T, WalkNode<T, uint32_t, uint32_t>>(forest, thresholds);
}

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> MakeByteWalkKernels(const Forest<T>& forest,
                                                            base::CpuLevel level) {
  if (forest.columns.size() >
      ByteWalkKernel<T, WalkNode<uint8_t, uint16_t, uint16_t>>::kMaxColumns) {
    return {};
  }
  std::optional<ByteForest<T>> bytes = ByteForest<T>::Make(forest, level);
  if (!bytes) return {};
  if (forest.columns.size() <= std::numeric_limits<uint8_t>::max()) {
    return MakeByteWalks<T, uint8_t>(forest, *std::move(bytes));
  }
  return MakeByteWalks<T, uint16_t>(forest, *std::move(bytes));
}

template std::vector<std::unique_ptr<Kernel<float>>> MakeWalkKernels(const Forest<float>&);
template std::vector<std::unique_ptr<Kernel<double>>> MakeWalkKernels(const Forest<double>&);
template std::vector<std::unique_ptr<Kernel<float>>> MakeByteWalkKernels(const Forest<float>&,
                                                                         base::CpuLevel);
template std::vector<std::unique_ptr<Kernel<double>>> MakeByteWalkKernels(const Forest<double>&,
                                                                          base::CpuLevel);

}  // namespace slipway::engine

#include "engine/trees/forest.h"

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace slipway::engine {

using graph::TreeEnsemble;

namespace {

template <typename T>
class ForestMaker {
 public:
  explicit ForestMaker(const TreeEnsemble& ensemble)
      : in_(ensemble), place_(ensemble.nodes.size(), kUnreached) {}

  Forest<T> Make() {
    out_.features = in_.features;
    out_.targets = in_.targets;
    out_.values_per_leaf = in_.values_per_leaf;
    out_.first_target = in_.first_target;
    out_.values.assign(in_.values.begin(), in_.values.end());
    FindReached();
    NumberColumns();
    for (size_t i = 0; i < in_.nodes.size(); ++i) {
      if (place_[i] != kUnreached) out_.nodes.push_back(Convert(in_.nodes[i]));
    }
    for (const int32_t root : in_.roots) out_.roots.push_back(Place(root));
    return std::move(out_);
  }

 private:
  using Column = typename Forest<T>::Column;
  using Missing = typename Column::Missing;
  using Node = TreeEnsemble::Node;
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  static constexpr int32_t kUnreached = -1;

  // What a node's test says of every value that is not missing.
  enum class Side : uint8_t { kDepends, kYes, kNo };
  static Side SideOf(const Node& node) {
    if (node.test == TreeEnsemble::Test::kLessOrEqual && node.split == kInfinity) return Side::kYes;
    if (node.test == TreeEnsemble::Test::kLess && node.split == -kInfinity) return Side::kNo;
    return Side::kDepends;
  }

  // Past nodes at which every row takes the same branch, or both lead to the same place: a tree
  // that is one leaf comes as such a node.
  int32_t Skip(int32_t child) const {
    while (child >= 0) {
      const Node& node = in_.nodes[static_cast<size_t>(child)];
      if (node.yes == node.no) {
        child = node.yes;
        continue;
      }
      const Side side = SideOf(node);
      if (side == Side::kDepends || (side == Side::kYes) != node.missing_is_yes) break;
      child = side == Side::kYes ? node.yes : node.no;
    }
    return child;
  }

  // Nodes that some row may come to. The thresholds of others would make columns too large for
  // bytes (ByteForest).
  void FindReached() {
    std::vector<int32_t> open;
    open.reserve(in_.roots.size());
    for (const int32_t root : in_.roots) open.push_back(Skip(root));
    while (!open.empty()) {
      const int32_t child = open.back();
      open.pop_back();
      if (child < 0) continue;
      const auto node = static_cast<size_t>(child);
      if (std::exchange(place_[node], 0) != kUnreached) continue;
      open.push_back(Skip(in_.nodes[node].yes));
      open.push_back(Skip(in_.nodes[node].no));
    }
    int32_t next = 0;
    for (int32_t& place : place_) {
      if (place != kUnreached) place = next++;
    }
  }

  // Where a root or child is in the forest.
  int32_t Place(int32_t child) const {
    child = Skip(child);
    return child < 0 ? child : place_[static_cast<size_t>(child)];
  }

  static Column ColumnOf(const Node& node) {
    if (SideOf(node) != Side::kDepends) return {node.feature, Missing::kFlag};
    return {node.feature, node.missing_is_yes ? Missing::kStays : Missing::kInfinity};
  }

  void NumberColumns() {
    for (size_t i = 0; i < in_.nodes.size(); ++i) {
      if (place_[i] == kUnreached) continue;
      const Column column = ColumnOf(in_.nodes[i]);
      numbers_.try_emplace({column.missing, column.feature}, 0);
    }
    for (auto& [key, number] : numbers_) {
      number = static_cast<uint32_t>(out_.columns.size());
      out_.columns.push_back({key.second, key.first});
    }
  }

  typename Forest<T>::Node Convert(const Node& node) const {
    const Column column = ColumnOf(node);
    typename Forest<T>::Node out;
    out.column = numbers_.at({column.missing, column.feature});
    const auto split = static_cast<T>(node.split);
    out.threshold =
        node.test == TreeEnsemble::Test::kLess ? split : std::nextafter(split, kInfinity);
    out.left = Place(node.yes);
    out.right = Place(node.no);
    if (column.missing == Missing::kFlag) {
      out.threshold = 1;
      if (node.missing_is_yes) std::swap(out.left, out.right);
    }
    return out;
  }

  const TreeEnsemble& in_;
  Forest<T> out_;
  std::vector<int32_t> place_;  // of the ensemble's nodes in the forest
  std::map<std::pair<Missing, uint32_t>, uint32_t> numbers_;
};

}  // namespace

template <typename T>
Forest<T> MakeForest(const TreeEnsemble& ensemble) {
  return ForestMaker<T>(ensemble).Make();
}

template <typename T>
Forest<T> TreesOf(const Forest<T>& forest, size_t first, size_t last) {
  Forest<T> out;
  out.features = forest.features;
  out.columns = forest.columns;
  out.targets = forest.targets;
  out.values_per_leaf = forest.values_per_leaf;
  out.first_target = forest.first_target;
  out.values = forest.values;
  // Nodes are taken over in the order in which they are seen, and their children written when those
  // are.
  std::vector<size_t> numbers;  // in `forest`, by node of `out`
  const auto take = [&](int32_t child) {
    if (child < 0) return child;
    numbers.push_back(static_cast<size_t>(child));
    return static_cast<int32_t>(numbers.size() - 1);
  };
  for (size_t tree = first; tree < last; ++tree) out.roots.push_back(take(forest.roots[tree]));
  for (size_t i = 0; i < numbers.size(); ++i) {
    typename Forest<T>::Node node = forest.nodes[numbers[i]];
    node.left = take(node.left);
    node.right = take(node.right);
    out.nodes.push_back(node);
  }
  return out;
}

template <typename T>
std::optional<std::vector<uint32_t>> TargetsOfTrees(const Forest<T>& forest) {
  if (forest.values_per_leaf != 1 && forest.targets != 1) return std::nullopt;
  std::vector<uint32_t> targets;
  std::vector<int32_t> open;
  for (const int32_t root : forest.roots) {
    constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
    uint32_t target = kNone;
    open.assign(1, root);
    while (!open.empty()) {
      const int32_t child = open.back();
      open.pop_back();
      if (child >= 0) {
        open.push_back(forest.nodes[static_cast<size_t>(child)].left);
        open.push_back(forest.nodes[static_cast<size_t>(child)].right);
        continue;
      }
      const uint32_t of_leaf = forest.first_target[TreeEnsemble::LeafOf(child)];
      if (target != kNone && target != of_leaf) return std::nullopt;
      target = of_leaf;
    }
    targets.push_back(target);
  }
  return targets;
}

template Forest<float> MakeForest<float>(const TreeEnsemble&);
template Forest<double> MakeForest<double>(const TreeEnsemble&);
template Forest<float> TreesOf(const Forest<float>&, size_t, size_t);
template Forest<double> TreesOf(const Forest<double>&, size_t, size_t);
template std::optional<std::vector<uint32_t>> TargetsOfTrees(const Forest<float>&);
template std::optional<std::vector<uint32_t>> TargetsOfTrees(const Forest<double>&);

}  // namespace slipway::engine

#include "engine/trees/forest.h"

#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace slipway::engine {

using graph::TreeEnsemble;

namespace {

template <typename T>
class ForestMaker {
 public:
  explicit ForestMaker(const TreeEnsemble& ensemble) : in_(ensemble) {}

  Forest<T> Make() {
    out_.features = in_.features;
    out_.targets = in_.targets;
    out_.values_per_leaf = in_.values_per_leaf;
    out_.first_target = in_.first_target;
    out_.values.assign(in_.values.begin(), in_.values.end());
    NumberColumns();
    out_.nodes.reserve(in_.nodes.size());
    for (const TreeEnsemble::Node& node : in_.nodes) out_.nodes.push_back(Convert(node));
    for (const int32_t root : in_.roots) out_.roots.push_back(Skip(root));
    return std::move(out_);
  }

 private:
  using Column = typename Forest<T>::Column;
  using Missing = typename Column::Missing;
  using Node = TreeEnsemble::Node;
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();

  // What a node's test says of every value that is not missing.
  enum class Side : uint8_t { kDepends, kYes, kNo };
  static Side SideOf(const Node& node) {
    if (node.test == TreeEnsemble::Test::kLessOrEqual && node.split == kInfinity) return Side::kYes;
    if (node.test == TreeEnsemble::Test::kLess && node.split == -kInfinity) return Side::kNo;
    return Side::kDepends;
  }

  // Past nodes at which every row takes the same branch.
  int32_t Skip(int32_t child) const {
    while (child >= 0) {
      const Node& node = in_.nodes[static_cast<size_t>(child)];
      const Side side = SideOf(node);
      if (side == Side::kDepends || (side == Side::kYes) != node.missing_is_yes) break;
      child = side == Side::kYes ? node.yes : node.no;
    }
    return child;
  }

  static Column ColumnOf(const Node& node) {
    if (SideOf(node) != Side::kDepends) return {node.feature, Missing::kFlag};
    return {node.feature, node.missing_is_yes ? Missing::kStays : Missing::kInfinity};
  }

  void NumberColumns() {
    for (const Node& node : in_.nodes) {
      const Column column = ColumnOf(node);
      numbers_.try_emplace({column.feature, column.missing}, 0);
    }
    for (auto& [key, number] : numbers_) {
      number = static_cast<uint32_t>(out_.columns.size());
      out_.columns.push_back({key.first, key.second});
    }
  }

  typename Forest<T>::Node Convert(const Node& node) const {
    const Column column = ColumnOf(node);
    typename Forest<T>::Node out;
    out.column = numbers_.at({column.feature, column.missing});
    const auto split = static_cast<T>(node.split);
    out.threshold =
        node.test == TreeEnsemble::Test::kLess ? split : std::nextafter(split, kInfinity);
    out.left = Skip(node.yes);
    out.right = Skip(node.no);
    if (column.missing == Missing::kFlag) {
      out.threshold = 1;
      if (node.missing_is_yes) std::swap(out.left, out.right);
    }
    return out;
  }

  const TreeEnsemble& in_;
  Forest<T> out_;
  std::map<std::pair<uint32_t, Missing>, uint32_t> numbers_;
};

}  // namespace

template <typename T>
Forest<T> MakeForest(const TreeEnsemble& ensemble) {
  return ForestMaker<T>(ensemble).Make();
}

template Forest<float> MakeForest<float>(const TreeEnsemble&);
template Forest<double> MakeForest<double>(const TreeEnsemble&);

}  // namespace slipway::engine

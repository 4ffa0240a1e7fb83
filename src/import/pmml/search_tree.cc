#include "import/pmml/search_tree.h"

#include <limits>
#include <vector>

namespace slipway::import::pmml {

using graph::TreeEnsemble;

SearchTree::SearchTree(uint32_t columns, uint32_t values) {
  tree_.features = columns;
  tree_.targets = values;
  tree_.values_per_leaf = values;
}

SearchTree::Place SearchTree::Leaf(std::span<const double> values) {
  tree_.values.insert(tree_.values.end(), values.begin(), values.end());
  tree_.first_target.push_back(0);
  return ~static_cast<Place>(tree_.first_target.size() - 1);
}

SearchTree::Place SearchTree::Missing() {
  return Leaf(std::vector<double>(tree_.targets, std::numeric_limits<double>::quiet_NaN()));
}

SearchTree::Place SearchTree::Test(uint32_t column, TreeEnsemble::Test test, double split,
                                   Place yes, Place no) {
  TreeEnsemble::Node& node = tree_.nodes.emplace_back();
  node.feature = column;
  node.test = test;
  node.split = split;
  node.yes = yes;
  node.no = no;
  return static_cast<Place>(tree_.nodes.size() - 1);
}

SearchTree::Place SearchTree::Equal(uint32_t column, std::span<const double> keys,
                                    const Make& make) {
  return NotAbove(column, keys, Missing(), [&](size_t position) {
    const Place found = make(position);
    return Test(column, TreeEnsemble::Test::kLessOrEqual, keys[position], found, Missing());
  });
}

SearchTree::Place SearchTree::NotAbove(uint32_t column, std::span<const double> keys, Place before,
                                       const Make& make) {
  const Place rest = Last(column, keys, 0, make);
  return Test(column, TreeEnsemble::Test::kLess, keys[0], before, rest);
}

SearchTree::Place SearchTree::Last(uint32_t column, std::span<const double> keys, size_t first,
                                   const Make& make) {
  if (keys.size() == 1) return make(first);
  const size_t half = keys.size() / 2;
  const Place lower = Last(column, keys.first(half), first, make);
  const Place upper = Last(column, keys.subspan(half), first + half, make);
  return Test(column, TreeEnsemble::Test::kLess, keys[half], lower, upper);
}

base::Result<graph::Value> SearchTree::AddTo(graph::GraphBuilder& graph, const graph::Value& x,
                                             Place root) && {
  tree_.roots = {root};
  SLIPWAY_RETURN_IF_ERROR(Validate(tree_));
  return AddTreeEnsemble(graph, x, tree_);
}

}  // namespace slipway::import::pmml

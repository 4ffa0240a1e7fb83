#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/tree_ensemble.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// A tree of sklearn.tree, as its arrays. Source: scikit-learn 1.9, sklearn/tree/_tree.pyx.
struct TreeArrays {
  std::vector<int64_t> left;  // -1 in a leaf
  std::vector<int64_t> right;
  std::vector<int64_t> feature;
  std::vector<double> threshold;
  std::vector<int64_t> missing_left;  // empty where the version had no missing values
  std::vector<int64_t> samples;       // that reached the node in training
  Reals values;                       // [nodes, outputs * largest number of classes]
  int64_t features = 0;
  int64_t outputs = 1;
  int64_t classes = 1;  // the largest number of them

  size_t size() const { return left.size(); }
};

// `estimator` is a tree estimator; reads its tree_. kInvalidArgument when the arrays do not form a
// tree: children come after their parent, each once.
base::Result<TreeArrays> ReadTree(const Record& estimator);
// The same from the tree_ itself.
base::Result<TreeArrays> ReadTreeArrays(const Record& tree);

// The ensemble for x in double: what the trees of sklearn.tree see is x rounded to float32, which
// AsFloat32() gives.
graph::Value AsFloat32(Scope& scope, const graph::Value& x);

// Puts trees into an ensemble.
class TreeBuilder {
 public:
  TreeBuilder(int64_t features, int64_t targets) {
    ensemble.features = static_cast<uint32_t>(features);
    ensemble.targets = static_cast<uint32_t>(targets);
  }

  // What a leaf adds to the targets: `values_per_leaf` numbers, appended to the list.
  using LeafValues = std::function<void(size_t node, std::vector<double>& out)>;

  // Adds a tree whose leaves add to target `first_target` and those behind it.
  void Add(const TreeArrays& tree, int64_t first_target, const LeafValues& leaf);
  // Adds a tree that is one leaf.
  void AddConstant(int64_t first_target, std::span<const double> values);

  // The nodes, after all trees were added. kInvalidArgument: what Validate() says.
  base::Result<graph::Value> Finish(Scope& scope, const Record& record, const graph::Value& x);

  graph::TreeEnsemble ensemble;
};

}  // namespace slipway::import::sklearn

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <vector>

#include "graph/tree_ensemble.h"

namespace slipway::graph {

// What a random ensemble for tests looks like. Splits and values are multiples of 1/8 in float.
struct RandomTreesOptions {
  ElementType type = ElementType::kDouble;
  std::vector<TreeEnsemble::Test> tests = {TreeEnsemble::Test::kLess};
  uint32_t features = 4;
  uint32_t targets = 1;
  bool vector_leaves = false;
  bool target_by_tree = false;  // else each leaf has one of its own
  TreeEnsemble::Aggregate aggregate = TreeEnsemble::Aggregate::kSum;
  int trees = 20;
  int depth = 4;           // at most
  int stumps = 0;          // so many trees at the end have one level
  bool oblivious = false;  // all nodes of a level ask the same; with `thinning` 0
  uint32_t splits = 8;     // different ones: 0, 0.5, 1, ...
  uint32_t thinning = 8;   // one of so many nodes is a leaf before `depth`; 0: none
  bool missing = true;     // NaN may go either way, else it goes where the test fails
};

// Makes an ensemble of random trees, the same for the same seed. One tree of seven is a leaf.
class RandomTrees {
 public:
  RandomTrees(const RandomTreesOptions& options, uint32_t seed)
      : options_(options), random_(seed) {}

  TreeEnsemble Make() {
    out_ = {};
    out_.type = options_.type;
    out_.features = options_.features;
    out_.targets = options_.targets;
    out_.aggregate = options_.aggregate;
    out_.values_per_leaf = options_.vector_leaves ? options_.targets : 1;
    out_.member_sets = {{0, 2, 5}, {1}, {}, {-1, 0, 100}};
    for (int tree = 0; tree < options_.trees; ++tree) {
      const int depth = tree >= options_.trees - options_.stumps ? 1 : options_.depth;
      level_nodes_.clear();
      const int32_t root = tree % 7 == 3 ? Leaf() : Grow(depth);
      out_.roots.push_back(root);
    }
    return out_;
  }

 private:
  uint32_t Below(size_t end) { return static_cast<uint32_t>(random_() % end); }

  uint32_t Target() {
    if (options_.vector_leaves) return 0;
    const auto tree = static_cast<uint32_t>(out_.roots.size());
    return options_.target_by_tree ? tree % options_.targets : Below(options_.targets);
  }

  int32_t Leaf() {
    out_.first_target.push_back(Target());
    for (uint32_t k = 0; k < out_.values_per_leaf; ++k) {
      out_.values.push_back((static_cast<float>(Below(1000)) - 300) / 7.0F);
    }
    return ~static_cast<int32_t>(out_.first_target.size() - 1);
  }

  int32_t Grow(int depth) {
    if (depth == 0 || (options_.thinning != 0 && Below(options_.thinning) == 0)) return Leaf();
    const size_t at = out_.nodes.size();
    TreeEnsemble::Node node;
    node.test = options_.tests[Below(options_.tests.size())];
    node.missing_is_yes = options_.missing && Below(2) == 1;
    node.feature = Below(options_.features);
    node.split = Below(options_.splits) * 0.5;
    node.members = Below(out_.member_sets.size());
    if (options_.oblivious) node = level_nodes_.try_emplace(depth, node).first->second;
    out_.nodes.push_back(node);
    const int32_t yes = Grow(depth - 1);
    const int32_t no = Grow(depth - 1);
    out_.nodes[at].yes = yes;
    out_.nodes[at].no = no;
    return static_cast<int32_t>(at);
  }

  const RandomTreesOptions options_;
  std::mt19937 random_;
  std::map<int, TreeEnsemble::Node> level_nodes_;  // of the tree that grows
  TreeEnsemble out_;
};

// Whether the test of `node` holds for `x`, read from the words of TreeEnsemble.
inline bool Holds(const TreeEnsemble& ensemble, const TreeEnsemble::Node& node, double x) {
  if (std::isnan(x)) return node.missing_is_yes;
  if (node.test == TreeEnsemble::Test::kLess) return x < node.split;
  if (node.test == TreeEnsemble::Test::kLessOrEqual) return x <= node.split;
  const auto& set = ensemble.member_sets[node.members];
  return std::ranges::find(set, static_cast<int64_t>(x)) != set.end();
}

// The targets of one row, node by node; T is the type of the ensemble.
template <typename T>
std::vector<T> PlainSum(const TreeEnsemble& ensemble, std::span<const T> row) {
  std::vector<T> sums(ensemble.targets);
  for (int32_t at : ensemble.roots) {
    while (at >= 0) {
      const TreeEnsemble::Node& node = ensemble.nodes[static_cast<size_t>(at)];
      at = Holds(ensemble, node, static_cast<double>(row[node.feature])) ? node.yes : node.no;
    }
    const size_t leaf = TreeEnsemble::LeafOf(at);
    for (size_t k = 0; k < ensemble.values_per_leaf; ++k) {
      sums[ensemble.first_target[leaf] + k] +=
          static_cast<T>(ensemble.values[leaf * ensemble.values_per_leaf + k]);
    }
  }
  if (ensemble.aggregate == TreeEnsemble::Aggregate::kMean) {
    for (T& sum : sums) sum /= static_cast<T>(ensemble.roots.size());
  }
  return sums;
}

}  // namespace slipway::graph

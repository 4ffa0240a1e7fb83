#include "graph/tree_ensemble.h"

#include <algorithm>
#include <array>
#include <utility>

#include "graph/member_columns.h"

namespace slipway::graph {
namespace {

using Test = TreeEnsemble::Test;

// Numbers of the operator's nodes_modes and aggregate_function.
constexpr uint8_t kBranchLessOrEqual = 0;
constexpr uint8_t kBranchLess = 1;
constexpr int64_t kAggregateSum = 1;

// The attributes of a TreeEnsemble node, as lists with one entry a node or leaf.
//
// A leaf of the operator adds to one target only. Where ours add to several, the trees are written
// once for each: first all trees for the first target, then all for the second, and so on, which
// keeps the order of each target's sum.
class TreeEnsembleWriter {
 public:
  TreeEnsembleWriter(const TreeEnsemble& ensemble, const MemberColumns& members)
      : ensemble_(ensemble), members_(members) {}

  Attributes Write() {
    for (uint32_t copy = 0; copy < ensemble_.values_per_leaf; ++copy) AddCopy(copy);
    if (ensemble_.roots.empty()) AddEmptyTree();
    const auto is_set = [](int64_t value) { return value != 0; };
    const bool tracks_missing = std::ranges::any_of(missing_, is_set);
    const auto nodes = static_cast<int64_t>(modes_.size());
    const auto leaves = static_cast<int64_t>(weights_.size());
    Attributes out;
    out.push_back({"n_targets", static_cast<int64_t>(ensemble_.targets)});
    out.push_back({"aggregate_function", kAggregateSum});
    out.push_back({"post_transform", int64_t{0}});
    out.push_back({"tree_roots", std::move(roots_)});
    out.push_back({"nodes_featureids", std::move(features_)});
    out.push_back({"nodes_modes", Uint8Constant(modes_, {nodes})});
    out.push_back({"nodes_splits", RealConstant(ensemble_.type, splits_, {nodes})});
    out.push_back({"nodes_truenodeids", std::move(true_ids_)});
    out.push_back({"nodes_trueleafs", std::move(true_leafs_)});
    out.push_back({"nodes_falsenodeids", std::move(false_ids_)});
    out.push_back({"nodes_falseleafs", std::move(false_leafs_)});
    if (tracks_missing) out.push_back({"nodes_missing_value_tracks_true", std::move(missing_)});
    out.push_back({"leaf_targetids", std::move(targets_)});
    out.push_back({"leaf_weights", RealConstant(ensemble_.type, weights_, {leaves})});
    return out;
  }

 private:
  void AddCopy(uint32_t copy) {
    const auto first_node = static_cast<int64_t>(modes_.size());
    const auto first_leaf = static_cast<int64_t>(weights_.size());
    for (const TreeEnsemble::Node& node : ensemble_.nodes) AddNode(node, first_node, first_leaf);
    for (size_t leaf = 0; leaf < ensemble_.first_target.size(); ++leaf) {
      targets_.push_back(ensemble_.first_target[leaf] + copy);
      weights_.push_back(ensemble_.values[leaf * ensemble_.values_per_leaf + copy]);
    }
    for (const int32_t root : ensemble_.roots) {
      if (root < 0) {
        AddLeafAsTree(first_leaf + ~root);
      } else {
        roots_.push_back(first_node + root);
      }
    }
  }

  void AddNode(const TreeEnsemble::Node& node, int64_t first_node, int64_t first_leaf) {
    const bool is_member = node.test == Test::kMember;
    features_.push_back(is_member ? members_.ColumnOf(node) : node.feature);
    splits_.push_back(is_member ? 0.5 : node.split);
    modes_.push_back(node.test == Test::kLessOrEqual ? kBranchLessOrEqual : kBranchLess);
    missing_.push_back(node.missing_is_yes ? 1 : 0);
    AddBranch(node.yes, first_node, first_leaf, true_ids_, true_leafs_);
    AddBranch(node.no, first_node, first_leaf, false_ids_, false_leafs_);
  }

  static void AddBranch(int32_t child, int64_t first_node, int64_t first_leaf,
                        std::vector<int64_t>& ids, std::vector<int64_t>& leafs) {
    leafs.push_back(child < 0 ? 1 : 0);
    ids.push_back(child < 0 ? first_leaf + ~child : first_node + child);
  }

  // Roots must be nodes: one whose branches both end in the leaf, so that its test is irrelevant.
  void AddLeafAsTree(int64_t leaf) {
    roots_.push_back(static_cast<int64_t>(modes_.size()));
    features_.push_back(0);
    splits_.push_back(0);
    modes_.push_back(modes_.empty() ? kBranchLessOrEqual : modes_.front());
    missing_.push_back(0);
    for (auto* ids : {&true_ids_, &false_ids_}) ids->push_back(leaf);
    for (auto* leafs : {&true_leafs_, &false_leafs_}) leafs->push_back(1);
  }

  // The operator needs a tree: one that adds zero.
  void AddEmptyTree() {
    targets_.push_back(0);
    weights_.push_back(0);
    AddLeafAsTree(static_cast<int64_t>(weights_.size()) - 1);
  }

  const TreeEnsemble& ensemble_;
  const MemberColumns& members_;
  std::vector<int64_t> roots_;
  std::vector<int64_t> features_;
  std::vector<int64_t> true_ids_, true_leafs_, false_ids_, false_leafs_;
  std::vector<int64_t> missing_;
  std::vector<uint8_t> modes_;
  std::vector<double> splits_;
  std::vector<int64_t> targets_;
  std::vector<double> weights_;
};

}  // namespace

Value AddTreeEnsemble(GraphBuilder& graph, const Value& x, const TreeEnsemble& ensemble) {
  const MemberColumns members(ensemble);
  const Value rows = members.empty() ? x : members.Widen(graph, x);
  Value sum = graph.Node("TreeEnsemble", {rows}, TreeEnsembleWriter(ensemble, members).Write(),
                         ensemble.type, GraphBuilder::kMlDomain);
  if (ensemble.aggregate == TreeEnsemble::Aggregate::kSum) return sum;
  const auto trees = static_cast<double>(ensemble.roots.size());
  return graph.Node("Div", {sum, graph.Scalar(ensemble.type, trees)});
}

}  // namespace slipway::graph

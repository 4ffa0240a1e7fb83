// Trees of XGBoost as a graph::TreeEnsemble.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "import/xgboost/booster.h"

namespace slipway::import::xgboost {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::TreeEnsemble;

// Categories from here on are never members of a set (src/common/categorical.h).
constexpr int64_t kMaxCategory = 1 << 24;

class EnsembleWriter {
 public:
  EnsembleWriter(const Model& model, TreeEnsemble& ensemble) : model_(model), out_(ensemble) {}

  Status Add(size_t index) {
    const Tree& tree = model_.trees[index];
    const uint32_t group = model_.tree_group[index];
    const bool vector_leaves = out_.values_per_leaf > 1;
    if (tree.leaf_size != out_.values_per_leaf) {
      return InvalidArgument(
          StrCat("leaves of ", tree.leaf_size, " values, expected ", out_.values_per_leaf));
    }
    if (group >= (vector_leaves ? 1 : out_.targets)) {
      return InvalidArgument(StrCat("adds to output ", group, " of ", out_.targets));
    }
    weight_ = model_.tree_weight.empty() ? 1.0F : model_.tree_weight[index];
    place_.assign(tree.size(), kUnseen);
    SLIPWAY_ASSIGN_OR_RETURN(const int32_t root, Visit(tree, 0, group));
    out_.roots.push_back(root);
    while (!open_.empty()) {
      const size_t node = open_.back();
      open_.pop_back();
      SLIPWAY_RETURN_IF_ERROR(AddBranches(tree, node, group));
    }
    return OkStatus();
  }

 private:
  static constexpr int32_t kUnseen = -1;

  // Makes a place for the node, which is not known yet; inner nodes wait for their branches.
  Result<int32_t> Visit(const Tree& tree, size_t node, uint32_t group) {
    if (place_[node] != kUnseen) return InvalidArgument(StrCat("two ways to node ", node));
    place_[node] = static_cast<int32_t>(out_.nodes.size());
    if (tree.left[node] < 0) {
      AddLeaf(tree, node, group);
      return ~static_cast<int32_t>(out_.first_target.size() - 1);
    }
    if (tree.feature[node] >= out_.features) {
      return InvalidArgument(
          StrCat("node ", node, ": feature ", tree.feature[node], " of ", out_.features));
    }
    out_.nodes.push_back(Split(tree, node));
    open_.push_back(node);
    return place_[node];
  }

  void AddLeaf(const Tree& tree, size_t node, uint32_t group) {
    out_.first_target.push_back(group);
    for (uint32_t k = 0; k < tree.leaf_size; ++k) {
      const float value = tree.leaf_size == 1
                              ? tree.condition[node]
                              : tree.leaf_values[size_t{tree.leaf_row[node]} * tree.leaf_size + k];
      out_.values.push_back(value * weight_);
    }
  }

  TreeEnsemble::Node Split(const Tree& tree, size_t node) {
    TreeEnsemble::Node out;
    out.feature = tree.feature[node];
    if (tree.category_set.empty() || tree.category_set[node] < 0) {
      out.test = TreeEnsemble::Test::kLess;
      out.split = tree.condition[node];
      out.missing_is_yes = tree.default_left[node] != 0;
      return out;
    }
    out.test = TreeEnsemble::Test::kMember;
    out.missing_is_yes = tree.default_left[node] == 0;
    out.members = static_cast<uint32_t>(out_.member_sets.size());
    auto members = tree.categories[static_cast<size_t>(tree.category_set[node])];
    std::erase_if(members, [](int64_t category) { return category >= kMaxCategory; });
    out_.member_sets.push_back(std::move(members));
    return out;
  }

  Status AddBranches(const Tree& tree, size_t node, uint32_t group) {
    int32_t branches[2] = {};
    const int32_t children[2] = {tree.left[node], tree.right[node]};
    for (int side = 0; side < 2; ++side) {
      if (children[side] <= 0 || static_cast<size_t>(children[side]) >= tree.size()) {
        return InvalidArgument(
            StrCat("node ", node, ": child ", children[side], " of ", tree.size(), " nodes"));
      }
      SLIPWAY_ASSIGN_OR_RETURN(branches[side],
                               Visit(tree, static_cast<size_t>(children[side]), group));
    }
    TreeEnsemble::Node& out = out_.nodes[static_cast<size_t>(place_[node])];
    const bool by_category = out.test == TreeEnsemble::Test::kMember;
    out.yes = branches[by_category ? 1 : 0];
    out.no = branches[by_category ? 0 : 1];
    return OkStatus();
  }

  const Model& model_;
  TreeEnsemble& out_;
  std::vector<int32_t> place_;  // of the tree's nodes in `out_`, so far
  std::vector<size_t> open_;    // inner nodes that have no branches yet
  float weight_ = 1;            // of the tree
};

// Trees of a leaf only, which start the sums at the base margins.
void AddMargins(std::span<const float> margins, TreeEnsemble& ensemble) {
  if (ensemble.values_per_leaf > 1) {
    ensemble.roots.push_back(~0);
    ensemble.first_target.push_back(0);
    ensemble.values.assign(margins.begin(), margins.end());
    return;
  }
  for (size_t group = 0; group < margins.size(); ++group) {
    ensemble.roots.push_back(~static_cast<int32_t>(group));
    ensemble.first_target.push_back(static_cast<uint32_t>(group));
    ensemble.values.push_back(margins[group]);
  }
}

}  // namespace

Result<TreeEnsemble> ToEnsemble(const Model& model, size_t trees) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<float> margins, BaseMargins(model));
  TreeEnsemble ensemble;
  ensemble.type = graph::ElementType::kFloat;
  ensemble.features = model.features;
  ensemble.targets = std::max(model.groups(), 1U);
  const bool vector_leaves = !model.trees.empty() && model.trees.front().leaf_size > 1;
  if (vector_leaves) ensemble.values_per_leaf = ensemble.targets;
  AddMargins(margins, ensemble);
  EnsembleWriter writer(model, ensemble);
  for (size_t i = 0; i < trees; ++i) {
    const Status status = writer.Add(i);
    if (!status.ok()) return status.WithContext(StrCat("tree ", i));
  }
  SLIPWAY_RETURN_IF_ERROR(graph::Validate(ensemble));
  return ensemble;
}

}  // namespace slipway::import::xgboost

#include "import/lightgbm/ensemble.h"

#include <limits>
#include <map>
#include <utility>

#include "base/str_cat.h"

namespace slipway::import::lightgbm {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::TreeEnsemble;

constexpr uint64_t kMaxLinearValues = 50'000'000;

class ForestWriter {
 public:
  ForestWriter(const Model& model, FeatureColumns& columns, Forest& out)
      : model_(model), columns_(columns), out_(out.ensemble), linear_(out.linear_columns) {}

  // Linear features become targets, so they have to be known before the first leaf.
  Status AddLinearTargets(const Tree& tree) {
    for (const int32_t feature : tree.linear_feature) {
      SLIPWAY_RETURN_IF_ERROR(CheckFeature(feature));
      const uint32_t column = columns_.OfLinear(static_cast<uint32_t>(feature));
      if (target_of_.try_emplace(column, linear_.size() + 1).second) linear_.push_back(column);
    }
    return OkStatus();
  }

  Status Add(const Tree& tree, uint32_t group) {
    tree_ = &tree;
    group_ = group;
    first_node_ = out_.nodes.size();
    first_set_ = out_.member_sets.size();
    leaf_at_.clear();
    AddSets();
    out_.nodes.resize(first_node_ + tree.inner_nodes());
    size_t coefficient = 0;
    for (size_t leaf = 0; leaf < tree.leaf_value.size(); ++leaf) AddLeaf(leaf, coefficient);
    for (size_t node = 0; node < tree.inner_nodes(); ++node) {
      const Status status = AddNode(node);
      if (!status.ok()) return status.WithContext(StrCat("node ", node));
    }
    out_.roots.push_back(tree.inner_nodes() == 0 ? leaf_at_.front() : Position(first_node_));
    return OkStatus();
  }

 private:
  static int32_t Position(size_t node) { return static_cast<int32_t>(node); }

  Status CheckFeature(int32_t feature) const {
    if (feature >= 0 && static_cast<uint32_t>(feature) < model_.features) return OkStatus();
    return InvalidArgument(StrCat("feature ", feature, " of ", model_.features));
  }

  void AddSets() {
    const auto& boundaries = tree_->category_boundaries;
    for (size_t set = 0; set + 1 < boundaries.size(); ++set) {
      std::vector<int64_t>& members = out_.member_sets.emplace_back();
      for (int32_t word = boundaries[set]; word < boundaries[set + 1]; ++word) {
        const uint32_t bits = tree_->category_words[static_cast<size_t>(word)];
        for (int bit = 0; bit < 32; ++bit) {
          if ((bits >> bit & 1U) != 0) members.push_back((word - boundaries[set]) * 32 + bit);
        }
      }
    }
  }

  int32_t AddValues(double constant) {
    out_.first_target.push_back(group_);
    out_.values.push_back(constant);
    out_.values.resize(out_.values.size() + out_.values_per_leaf - 1, 0.0);
    return ~Position(out_.first_target.size() - 1);
  }

  // Notes where the leaf is: for a linear one, at the first of the nodes that look for NaN.
  void AddLeaf(size_t leaf, size_t& coefficient) {
    const size_t features = tree_->linear ? static_cast<size_t>(tree_->leaf_features[leaf]) : 0;
    if (!tree_->linear || features == 0) {
      leaf_at_.push_back(
          AddValues(tree_->linear ? tree_->leaf_constant[leaf] : tree_->leaf_value[leaf]));
      return;
    }
    leaf_at_.push_back(Position(out_.nodes.size()));
    for (size_t i = 0; i < features; ++i) {
      TreeEnsemble::Node node;
      node.test = TreeEnsemble::Test::kLessOrEqual;
      node.split = std::numeric_limits<double>::infinity();
      node.feature = ColumnOf(coefficient + i);
      node.no = AddValues(tree_->leaf_value[leaf]);
      node.yes = Position(out_.nodes.size() + 1);
      out_.nodes.push_back(node);
    }
    const int32_t position = AddValues(tree_->leaf_constant[leaf]);
    out_.nodes.back().yes = position;
    double* values = &out_.values[graph::TreeEnsemble::LeafOf(position) * out_.values_per_leaf];
    for (size_t i = 0; i < features; ++i, ++coefficient) {
      values[target_of_.at(ColumnOf(coefficient))] += tree_->coefficient[coefficient];
    }
  }

  uint32_t ColumnOf(size_t coefficient) {
    return columns_.OfLinear(static_cast<uint32_t>(tree_->linear_feature[coefficient]));
  }

  Status AddNode(size_t index) {
    SLIPWAY_RETURN_IF_ERROR(CheckFeature(tree_->feature[index]));
    const auto feature = static_cast<uint32_t>(tree_->feature[index]);
    TreeEnsemble::Node node;
    SLIPWAY_ASSIGN_OR_RETURN(node.yes, Child(tree_->left[index]));
    SLIPWAY_ASSIGN_OR_RETURN(node.no, Child(tree_->right[index]));
    const double threshold = tree_->threshold[index];
    if (tree_->by_category(index)) {
      const size_t sets = out_.member_sets.size() - first_set_;
      if (!(threshold >= 0 && threshold < static_cast<double>(sets))) {
        return InvalidArgument(StrCat("set ", threshold, " of ", sets, " of categories"));
      }
      node.test = TreeEnsemble::Test::kMember;
      node.members = static_cast<uint32_t>(first_set_ + static_cast<size_t>(threshold));
      node.feature = columns_.OfCategory(feature);
    } else {
      if ((tree_->decision[index] >> 2 & 3) == 3) {
        return InvalidArgument("decision_type with an unknown way to treat missing values");
      }
      node.split = threshold;
      node.feature = columns_.OfSplit(feature, tree_->missing(index), threshold);
      node.missing_is_yes = tree_->missing_left(index);
    }
    out_.nodes[first_node_ + index] = node;
    return OkStatus();
  }

  Result<int32_t> Child(int32_t child) const {
    const size_t leaf = graph::TreeEnsemble::LeafOf(child);
    if (child < 0 && leaf < leaf_at_.size()) return leaf_at_[leaf];
    if (child > 0 && static_cast<size_t>(child) < tree_->inner_nodes()) {
      return Position(first_node_ + static_cast<size_t>(child));
    }
    return InvalidArgument(StrCat("child ", child, " of ", tree_->inner_nodes(), " nodes and ",
                                  leaf_at_.size(), " leaves"));
  }

  const Model& model_;
  FeatureColumns& columns_;
  TreeEnsemble& out_;
  std::vector<int64_t>& linear_;
  std::map<uint32_t, size_t> target_of_;  // of a linear column
  const Tree* tree_ = nullptr;            // being added, and where its parts begin
  uint32_t group_ = 0;
  size_t first_node_ = 0;
  size_t first_set_ = 0;
  std::vector<int32_t> leaf_at_;
};

uint64_t LeavesOf(const Model& model, const std::vector<size_t>& positions) {
  uint64_t leaves = 0;
  for (const size_t i : positions) {
    leaves += model.trees[i].leaf_value.size() + model.trees[i].linear_feature.size();
  }
  return leaves;
}

}  // namespace

Result<Forest> ToForest(const Model& model, const std::vector<size_t>& positions,
                        const std::vector<uint32_t>& group_of, uint32_t targets,
                        FeatureColumns& columns) {
  Forest forest;
  ForestWriter writer(model, columns, forest);
  for (const size_t i : positions) {
    const Status status = writer.AddLinearTargets(model.trees[i]);
    if (!status.ok()) return status.WithContext(StrCat("tree ", i, ", linear leaves"));
  }
  TreeEnsemble& ensemble = forest.ensemble;
  ensemble.targets = targets;
  if (!forest.linear_columns.empty()) {
    ensemble.targets = static_cast<uint32_t>(forest.linear_columns.size() + 1);
    ensemble.values_per_leaf = ensemble.targets;
    if (LeavesOf(model, positions) > kMaxLinearValues / ensemble.targets) {
      return base::ResourceExhausted(StrCat(
          "linear trees: ", LeavesOf(model, positions), " leaves with ",
          forest.linear_columns.size(), " features are more than ", kMaxLinearValues, " numbers"));
    }
  }
  for (size_t i = 0; i < positions.size(); ++i) {
    const Status status = writer.Add(model.trees[positions[i]], group_of[i]);
    if (!status.ok()) return status.WithContext(StrCat("tree ", positions[i]));
  }
  ensemble.features = columns.size();
  return forest;
}

}  // namespace slipway::import::lightgbm

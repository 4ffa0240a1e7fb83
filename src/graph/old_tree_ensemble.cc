#include "graph/old_tree_ensemble.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "graph/tree_lists.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::Unimplemented;

namespace {

using Node = TreeEnsemble::Node;
using NodeTest = TreeEnsemble::Test;
using Transform = OldTreeEnsemble::Transform;

constexpr size_t kMaxNodes = INT32_MAX;
// Leaves times targets: a file may name as many targets as it likes, and none costs it a byte.
constexpr size_t kMaxScores = size_t{1} << 24;

// A list of FLOAT in `name`, or of FLOAT or DOUBLE in `name`_as_tensor (version 3). FLOAT inputs go
// with FLOAT only.
Result<std::vector<double>> Reals(const OnnxNode& node, const std::string& name, ElementType type) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<float> floats, node.Floats(name));
  SLIPWAY_ASSIGN_OR_RETURN(const std::optional<Constant> tensor, node.Tensor(name + "_as_tensor"));
  std::vector<double> out(floats.begin(), floats.end());
  if (!tensor || tensor->bytes.empty()) return out;
  if (!out.empty()) return InvalidArgument(StrCat("both '", name, "' and '", name, "_as_tensor'"));
  if (tensor->type != type) {
    return Unimplemented(StrCat("'", name, "_as_tensor' of ", ElementTypeName(tensor->type)));
  }
  return RealsOf(*tensor);
}

// The attributes of the node as lists.
struct Lists {
  std::vector<int64_t> trees, ids, features, true_ids, false_ids, missing;
  std::vector<std::string> modes;
  std::vector<double> splits;
  std::vector<int64_t> leaf_trees, leaf_ids, leaf_targets;
  std::vector<double> weights, base;

  Status Read(const OnnxNode& node, ElementType type, const std::string& prefix);
  Status CheckSizes() const;
};

Status Lists::Read(const OnnxNode& node, ElementType type, const std::string& prefix) {
  SLIPWAY_ASSIGN_OR_RETURN(trees, node.Ints("nodes_treeids"));
  SLIPWAY_ASSIGN_OR_RETURN(ids, node.Ints("nodes_nodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(features, node.Ints("nodes_featureids"));
  SLIPWAY_ASSIGN_OR_RETURN(true_ids, node.Ints("nodes_truenodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(false_ids, node.Ints("nodes_falsenodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(missing, node.Ints("nodes_missing_value_tracks_true"));
  SLIPWAY_ASSIGN_OR_RETURN(modes, node.Texts("nodes_modes"));
  SLIPWAY_ASSIGN_OR_RETURN(splits, Reals(node, "nodes_values", type));
  SLIPWAY_ASSIGN_OR_RETURN(leaf_trees, node.Ints(prefix + "_treeids"));
  SLIPWAY_ASSIGN_OR_RETURN(leaf_ids, node.Ints(prefix + "_nodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(leaf_targets, node.Ints(prefix + "_ids"));
  SLIPWAY_ASSIGN_OR_RETURN(weights, Reals(node, prefix + "_weights", type));
  SLIPWAY_ASSIGN_OR_RETURN(base, Reals(node, "base_values", type));
  if (missing.empty()) missing.assign(ids.size(), 0);
  return CheckSizes();
}

Status Lists::CheckSizes() const {
  const size_t nodes = ids.size();
  const bool same = trees.size() == nodes && features.size() == nodes && true_ids.size() == nodes &&
                    false_ids.size() == nodes && missing.size() == nodes && modes.size() == nodes &&
                    splits.size() == nodes;
  if (!same) return InvalidArgument("the attributes of the nodes differ in length");
  if (nodes == 0 || nodes > kMaxNodes) {
    return InvalidArgument(StrCat("expected 1 to ", kMaxNodes, " nodes, got ", nodes));
  }
  const bool same_leaves = leaf_trees.size() == weights.size() &&
                           leaf_ids.size() == weights.size() &&
                           leaf_targets.size() == weights.size();
  if (!same_leaves) return InvalidArgument("the attributes of the leaves differ in length");
  return OkStatus();
}

// Puts the lists together. Nodes are named by tree and number; the first of each tree is its root.
class Reader {
 public:
  Reader(Lists lists, TreeEnsemble& out) : lists_(std::move(lists)), out_(out) {}

  Status Read() {
    SLIPWAY_RETURN_IF_ERROR(NumberNodes());
    SLIPWAY_RETURN_IF_ERROR(AddNodes());
    SLIPWAY_RETURN_IF_ERROR(AddWeights());
    return AddBase();
  }

  // Whether every row gets a score for `target`: all leaves of some tree speak of it. Call after
  // Read().
  bool EveryRowScores(uint32_t target) const {
    std::vector<bool> silent(out_.roots.size());
    for (size_t leaf = 0; leaf < leaf_tree_.size(); ++leaf) {
      if (!speaks_[leaf * out_.targets + target]) silent[leaf_tree_[leaf]] = true;
    }
    return std::ranges::find(silent, false) != silent.end();
  }

 private:
  struct Name {
    int64_t tree;
    int64_t id;
    uint32_t position;
    friend auto operator<=>(const Name&, const Name&) = default;
  };

  static bool IsLeaf(std::string_view mode) { return mode == "LEAF"; }

  Status NumberNodes() {
    names_.reserve(lists_.ids.size());
    for (size_t i = 0; i < lists_.ids.size(); ++i) {
      names_.push_back({lists_.trees[i], lists_.ids[i], static_cast<uint32_t>(i)});
      const bool starts_tree = i == 0 || lists_.trees[i] != lists_.trees[i - 1];
      const bool is_leaf = IsLeaf(lists_.modes[i]);
      const auto count = static_cast<int32_t>(is_leaf ? leaf_tree_.size() : inner_++);
      places_.push_back(is_leaf ? ~count : count);
      if (starts_tree) out_.roots.push_back(places_.back());
      if (is_leaf) leaf_tree_.push_back(out_.roots.size() - 1);
    }
    std::ranges::sort(names_);
    size_t trees = 0;
    for (size_t i = 0; i < names_.size(); ++i) {
      const bool new_tree = i == 0 || names_[i].tree != names_[i - 1].tree;
      trees += new_tree ? 1 : 0;
      if (!new_tree && names_[i].id == names_[i - 1].id) {
        return InvalidArgument(StrCat("tree ", names_[i].tree, ": two nodes ", names_[i].id));
      }
    }
    if (trees == out_.roots.size()) return OkStatus();
    return Unimplemented("trees whose nodes are apart");
  }

  Result<uint32_t> Find(int64_t tree, int64_t id) const {
    const auto by_name = [](const Name& name) { return std::pair(name.tree, name.id); };
    const auto found = std::ranges::lower_bound(names_, std::pair(tree, id), {}, by_name);
    if (found == names_.end() || found->tree != tree || found->id != id) {
      return InvalidArgument(StrCat("tree ", tree, ": no node ", id));
    }
    return found->position;
  }

  Status AddNodes() {
    std::vector<bool> has_parent(lists_.ids.size());
    out_.nodes.reserve(inner_);
    for (size_t i = 0; i < lists_.ids.size(); ++i) {
      if (IsLeaf(lists_.modes[i])) continue;
      Node node;
      SLIPWAY_RETURN_IF_ERROR(SetTest(i, node));
      for (auto& [id, child] :
           {std::pair(lists_.true_ids[i], &node.yes), std::pair(lists_.false_ids[i], &node.no)}) {
        SLIPWAY_ASSIGN_OR_RETURN(const uint32_t at, Find(lists_.trees[i], id));
        if (has_parent[at]) return Unimplemented("a node with two parents");
        has_parent[at] = true;
        *child = places_[at];
      }
      if (lists_.modes[i] == "BRANCH_GT" || lists_.modes[i] == "BRANCH_GTE") {
        SwapBranches(node);
      }
      out_.nodes.push_back(node);
    }
    for (size_t i = 0; i < has_parent.size(); ++i) {
      const bool starts_tree = i == 0 || lists_.trees[i] != lists_.trees[i - 1];
      if (has_parent[i] == starts_tree) return Unimplemented("a tree that has not one root, first");
    }
    return OkStatus();
  }

  Status SetTest(size_t i, Node& node) const {
    if (lists_.features[i] < 0 || lists_.features[i] > INT32_MAX) {
      return InvalidArgument(StrCat("expected features from 0 on, got ", lists_.features[i]));
    }
    node.feature = static_cast<uint32_t>(lists_.features[i]);
    node.split = lists_.splits[i];
    node.missing_is_yes = lists_.missing[i] != 0;
    const std::string& mode = lists_.modes[i];
    if (mode == "BRANCH_LEQ" || mode == "BRANCH_GT") {
      node.test = NodeTest::kLessOrEqual;
    } else if (mode == "BRANCH_LT" || mode == "BRANCH_GTE") {
      node.test = NodeTest::kLess;
    } else {
      return Unimplemented(StrCat("nodes_modes '", mode.substr(0, 20), "'"));
    }
    return OkStatus();
  }

  // One value a leaf, or one for each target where a leaf has several: what it does not speak of
  // gets zero.
  Status AddWeights() {
    const size_t leaves = leaf_tree_.size();
    if (leaves == 0 || leaves > kMaxScores / out_.targets) {
      return Unimplemented(StrCat(leaves, " leaves with ", out_.targets,
                                  " targets: expected at most ", kMaxScores, " in all"));
    }
    speaks_.resize(leaves * out_.targets);
    std::vector<uint32_t> first(leaves, out_.targets);
    std::vector<double> all(leaves * out_.targets);
    for (size_t i = 0; i < lists_.weights.size(); ++i) {
      SLIPWAY_ASSIGN_OR_RETURN(const uint32_t at, Find(lists_.leaf_trees[i], lists_.leaf_ids[i]));
      const int64_t target = lists_.leaf_targets[i];
      if (target < 0 || target >= out_.targets) {
        return InvalidArgument(
            StrCat("expected targets from 0 to ", out_.targets - 1, ", got ", target));
      }
      if (places_[at] >= 0) return Unimplemented("a weight of an inner node");
      const size_t leaf = TreeEnsemble::LeafOf(places_[at]);
      const size_t slot = leaf * out_.targets + static_cast<size_t>(target);
      if (speaks_[slot]) return Unimplemented("two weights of a leaf for one target");
      speaks_[slot] = true;
      all[slot] = lists_.weights[i];
      if (first[leaf] != out_.targets) out_.values_per_leaf = out_.targets;
      first[leaf] = static_cast<uint32_t>(target);
    }
    if (std::ranges::find(first, out_.targets) != first.end()) {
      return Unimplemented("a leaf without weights");
    }
    if (out_.values_per_leaf == out_.targets) {
      out_.first_target.assign(leaves, 0);
      out_.values = std::move(all);
      return OkStatus();
    }
    for (size_t leaf = 0; leaf < leaves; ++leaf) {
      out_.values.push_back(all[leaf * out_.targets + first[leaf]]);
    }
    out_.first_target = std::move(first);
    return OkStatus();
  }

  // As trees of one leaf behind the others: ONNX Runtime adds base values last.
  Status AddBase() {
    if (lists_.base.empty()) return OkStatus();
    if (lists_.base.size() != out_.targets) {
      return Unimplemented(StrCat(lists_.base.size(), " base values, ", out_.targets, " targets"));
    }
    const uint32_t step = out_.values_per_leaf;
    for (uint32_t target = 0; target < out_.targets; target += step) {
      out_.roots.push_back(~static_cast<int32_t>(out_.first_target.size()));
      out_.first_target.push_back(target);
      for (uint32_t k = 0; k < step; ++k) out_.values.push_back(lists_.base[target + k]);
    }
    return OkStatus();
  }

  const Lists lists_;
  TreeEnsemble& out_;
  std::vector<Name> names_;        // sorted
  std::vector<int32_t> places_;    // by position in the lists: like Node::yes
  size_t inner_ = 0;               // nodes that are no leaves
  std::vector<size_t> leaf_tree_;  // by leaf
  std::vector<bool> speaks_;       // by leaf and target: has a weight for it
};

Result<Transform> TransformOf(const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view name, node.Text("post_transform", "NONE"));
  constexpr std::pair<std::string_view, Transform> kNames[] = {
      {"NONE", Transform::kNone},
      {"LOGISTIC", Transform::kLogistic},
      {"SOFTMAX", Transform::kSoftmax},
      {"SOFTMAX_ZERO", Transform::kSoftmaxZero},
      {"PROBIT", Transform::kProbit}};
  for (const auto& [known, transform] : kNames) {
    if (name == known) return transform;
  }
  return Unimplemented("another post_transform");
}

Status ReadRegressor(const OnnxNode& node, ElementType type, OldTreeEnsemble& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t targets, node.Int("n_targets", 1));
  if (targets < 1 || targets > INT32_MAX) {
    return InvalidArgument(StrCat("expected 1 or more targets, got ", targets));
  }
  out.trees.targets = static_cast<uint32_t>(targets);
  Lists lists;
  SLIPWAY_RETURN_IF_ERROR(lists.Read(node, type, "target"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view aggregate,
                           node.Text("aggregate_function", "SUM"));
  if (aggregate == "AVERAGE") {
    const bool moved = std::ranges::any_of(lists.base, [](double base) { return base != 0; });
    if (moved) return Unimplemented("an average with base values");
    lists.base.clear();
    out.trees.aggregate = TreeEnsemble::Aggregate::kMean;
  } else if (aggregate != "SUM") {
    return Unimplemented("aggregate_function other than SUM and AVERAGE");
  }
  return Reader(std::move(lists), out.trees).Read();
}

Status ReadClassifier(const OnnxNode& node, ElementType type, OldTreeEnsemble& out) {
  SLIPWAY_ASSIGN_OR_RETURN(out.int_labels, node.Ints("classlabels_int64s"));
  SLIPWAY_ASSIGN_OR_RETURN(out.text_labels, node.Texts("classlabels_strings"));
  if (out.int_labels.empty() == out.text_labels.empty() || out.classes() < 2 ||
      out.classes() > INT32_MAX) {
    return Unimplemented("labels of two kinds, or less than two");
  }
  Lists lists;
  SLIPWAY_RETURN_IF_ERROR(lists.Read(node, type, "class"));
  out.weights_are_positive =
      std::ranges::none_of(lists.weights, [](double weight) { return weight < 0; });
  out.trees.targets = static_cast<uint32_t>(out.classes());
  if (out.classes() == 2) {
    const auto other = [](int64_t target) { return target != 0; };
    if (std::ranges::any_of(lists.leaf_targets, other))
      return Unimplemented("scores of two classes");
    out.trees.targets = 1;
  }
  const bool has_base = !lists.base.empty();
  Reader reader(std::move(lists), out.trees);
  SLIPWAY_RETURN_IF_ERROR(reader.Read());
  for (uint32_t target = 0; target < out.trees.targets && !has_base; ++target) {
    if (!reader.EveryRowScores(target)) return Unimplemented("classes that some rows do not score");
  }
  return OkStatus();
}

}  // namespace

bool IsOldTreeRegressor(const OnnxNode& node) {
  return node.domain == GraphBuilder::kMlDomain && node.op_type == "TreeEnsembleRegressor";
}

bool IsOldTreeClassifier(const OnnxNode& node) {
  return node.domain == GraphBuilder::kMlDomain && node.op_type == "TreeEnsembleClassifier";
}

Result<OldTreeEnsemble> ReadOldTreeEnsemble(const OnnxNode& node, ElementType type,
                                            uint32_t features) {
  if (type != ElementType::kFloat && type != ElementType::kDouble) {
    return Unimplemented(StrCat("rows of ", ElementTypeName(type)));
  }
  OldTreeEnsemble out;
  out.trees.type = type;
  out.trees.features = features;
  SLIPWAY_ASSIGN_OR_RETURN(out.transform, TransformOf(node));
  SLIPWAY_RETURN_IF_ERROR(IsOldTreeClassifier(node) ? ReadClassifier(node, type, out)
                                                    : ReadRegressor(node, type, out));
  SLIPWAY_RETURN_IF_ERROR(Validate(out.trees));
  return out;
}

}  // namespace slipway::graph

#include "graph/tree_ensemble_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// The attributes of the node as lists.
struct Lists {
  std::vector<int64_t> roots, features, true_ids, true_leafs, false_ids, false_leafs, missing;
  std::vector<int64_t> targets;
  std::string modes;
  std::vector<double> splits, weights;
  ElementType type = ElementType::kUndefined;
  int64_t target_count = 0;
  int64_t aggregate = 0;

  Status Read(const OnnxNode& node);
  Status CheckSizes() const;
};

// A list of numbers; its type is, or becomes, `type`.
Status ReadReals(const OnnxNode& node, std::string_view name, ElementType& type,
                 std::vector<double>& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::optional<Constant> constant, node.Tensor(name));
  if (!constant) return InvalidArgument(StrCat("expected an attribute '", name, "'"));
  if (type == ElementType::kUndefined) type = constant->type;
  if (constant->type != type || (type != ElementType::kFloat && type != ElementType::kDouble)) {
    return Unimplemented(StrCat("'", name, "' of ", ElementTypeName(constant->type)));
  }
  out = RealsOf(*constant);
  return OkStatus();
}

Status Lists::Read(const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t transform, node.Int("post_transform", 0));
  if (transform != 0) return Unimplemented(StrCat("post_transform ", transform));
  SLIPWAY_ASSIGN_OR_RETURN(aggregate, node.Int("aggregate_function", 1));
  if (aggregate != 0 && aggregate != 1) {
    return Unimplemented(StrCat("aggregate_function ", aggregate));
  }
  SLIPWAY_ASSIGN_OR_RETURN(target_count, node.Int("n_targets", 1));
  SLIPWAY_ASSIGN_OR_RETURN(roots, node.Ints("tree_roots"));
  SLIPWAY_ASSIGN_OR_RETURN(features, node.Ints("nodes_featureids"));
  SLIPWAY_ASSIGN_OR_RETURN(true_ids, node.Ints("nodes_truenodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(true_leafs, node.Ints("nodes_trueleafs"));
  SLIPWAY_ASSIGN_OR_RETURN(false_ids, node.Ints("nodes_falsenodeids"));
  SLIPWAY_ASSIGN_OR_RETURN(false_leafs, node.Ints("nodes_falseleafs"));
  SLIPWAY_ASSIGN_OR_RETURN(missing, node.Ints("nodes_missing_value_tracks_true"));
  SLIPWAY_ASSIGN_OR_RETURN(targets, node.Ints("leaf_targetids"));
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Constant> tests, node.Tensor("nodes_modes"));
  if (!tests || tests->type != ElementType::kUint8) {
    return InvalidArgument("expected an attribute 'nodes_modes' of UINT8");
  }
  modes = std::move(tests->bytes);
  SLIPWAY_RETURN_IF_ERROR(ReadReals(node, "nodes_splits", type, splits));
  SLIPWAY_RETURN_IF_ERROR(ReadReals(node, "leaf_weights", type, weights));
  if (missing.empty()) missing.assign(modes.size(), 0);
  return CheckSizes();
}

Status Lists::CheckSizes() const {
  const size_t nodes = modes.size();
  const bool same = features.size() == nodes && splits.size() == nodes &&
                    true_ids.size() == nodes && true_leafs.size() == nodes &&
                    false_ids.size() == nodes && false_leafs.size() == nodes &&
                    missing.size() == nodes;
  if (!same) return InvalidArgument("the attributes of the nodes differ in length");
  if (targets.size() != weights.size()) {
    return InvalidArgument("the attributes of the leaves differ in length");
  }
  const auto bad = std::ranges::find_if(
      roots, [&](int64_t root) { return root < 0 || static_cast<uint64_t>(root) >= nodes; });
  if (bad != roots.end()) return InvalidArgument(StrCat("root ", *bad, " of ", nodes, " nodes"));
  if (target_count < 1 || target_count > INT32_MAX) {
    return InvalidArgument(StrCat("expected 1 or more targets, got ", target_count));
  }
  return OkStatus();
}

Result<int32_t> Child(int64_t id, int64_t is_leaf, size_t nodes, size_t leaves) {
  const size_t end = is_leaf != 0 ? leaves : nodes;
  if (id < 0 || static_cast<uint64_t>(id) >= std::min<size_t>(end, INT32_MAX)) {
    return InvalidArgument(
        StrCat("no ", is_leaf != 0 ? "leaf " : "node ", id, " (there are ", end, ")"));
  }
  return is_leaf != 0 ? ~static_cast<int32_t>(id) : static_cast<int32_t>(id);
}

Result<Node> MakeNode(const Lists& lists, size_t i) {
  Node node;
  node.missing_is_yes = lists.missing[i] != 0;
  if (lists.features[i] < 0 || lists.features[i] > INT32_MAX) {
    return InvalidArgument(StrCat("feature ", lists.features[i]));
  }
  node.feature = static_cast<uint32_t>(lists.features[i]);
  node.split = lists.splits[i];
  const size_t nodes = lists.modes.size();
  const size_t leaves = lists.weights.size();
  SLIPWAY_ASSIGN_OR_RETURN(node.yes, Child(lists.true_ids[i], lists.true_leafs[i], nodes, leaves));
  SLIPWAY_ASSIGN_OR_RETURN(node.no, Child(lists.false_ids[i], lists.false_leafs[i], nodes, leaves));
  switch (lists.modes[i]) {  // BRANCH_LEQ, LT, GTE, GT, EQ, NEQ, MEMBER
    case 0:
    case 3:
      node.test = NodeTest::kLessOrEqual;
      break;
    case 1:
    case 2:
      node.test = NodeTest::kLess;
      break;
    default:
      return Unimplemented(StrCat("nodes_modes ", static_cast<int>(lists.modes[i])));
  }
  if (lists.modes[i] == 2 || lists.modes[i] == 3) SwapBranches(node);
  return node;
}

bool SameButMoved(const Node& a, const Node& b, int32_t nodes, int32_t leaves) {
  const auto moved = [&](int32_t from, int32_t to) {
    if ((from < 0) != (to < 0)) return false;
    return from < 0 ? ~to == ~from + leaves : to == from + nodes;
  };
  return a.test == b.test && a.missing_is_yes == b.missing_is_yes && a.feature == b.feature &&
         a.split == b.split && moved(a.yes, b.yes) && moved(a.no, b.no);
}

// Whether the ensemble is `copies` times the same trees, copy k for target k.
bool IsCopies(const TreeEnsemble& ensemble, uint32_t copies) {
  const size_t nodes = ensemble.nodes.size() / copies;
  const size_t leaves = ensemble.first_target.size() / copies;
  const size_t roots = ensemble.roots.size() / copies;
  if (nodes * copies != ensemble.nodes.size() || leaves * copies != ensemble.first_target.size() ||
      roots * copies != ensemble.roots.size()) {
    return false;
  }
  for (size_t i = 0; i < ensemble.first_target.size(); ++i) {
    if (ensemble.first_target[i] != i / leaves) return false;
  }
  const auto node_step = static_cast<int32_t>(nodes);
  for (size_t i = nodes; i < ensemble.nodes.size(); ++i) {
    if (!SameButMoved(ensemble.nodes[i - nodes], ensemble.nodes[i], node_step,
                      static_cast<int32_t>(leaves))) {
      return false;
    }
  }
  for (size_t i = roots; i < ensemble.roots.size(); ++i) {
    if (ensemble.roots[i] != ensemble.roots[i - roots] + node_step) return false;
  }
  // A tree of the first copy must stay within it.
  return std::ranges::all_of(ensemble.nodes.begin(), ensemble.nodes.begin() + node_step,
                             [&](const Node& node) {
                               const auto inside = [&](int32_t child) {
                                 return child < 0 ? ~child < static_cast<int32_t>(leaves)
                                                  : child < node_step;
                               };
                               return inside(node.yes) && inside(node.no);
                             }) &&
         std::all_of(ensemble.roots.begin(), ensemble.roots.begin() + static_cast<ptrdiff_t>(roots),
                     [&](int32_t root) { return root < node_step; });
}

void MergeCopies(TreeEnsemble& ensemble) {
  const uint32_t copies = ensemble.targets;
  if (copies == 1 || ensemble.nodes.empty() || !IsCopies(ensemble, copies)) return;
  const size_t leaves = ensemble.first_target.size() / copies;
  std::vector<double> values(ensemble.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = ensemble.values[(i % copies) * leaves + i / copies];
  }
  ensemble.values = std::move(values);
  ensemble.values_per_leaf = copies;
  ensemble.first_target.assign(leaves, 0);
  ensemble.nodes.resize(ensemble.nodes.size() / copies);
  ensemble.roots.resize(ensemble.roots.size() / copies);
}

// Nodes whose branches lead to one leaf are that leaf; as roots they stand for trees of one leaf.
void DropEmptyRoots(TreeEnsemble& ensemble) {
  for (int32_t& root : ensemble.roots) {
    const Node& node = ensemble.nodes[static_cast<size_t>(root)];
    if (node.yes < 0 && node.yes == node.no) root = node.yes;
  }
}

}  // namespace

bool IsTreeEnsemble(const OnnxNode& node) {
  return node.domain == GraphBuilder::kMlDomain && node.op_type == "TreeEnsemble";
}

Result<TreeEnsemble> ReadTreeEnsemble(const OnnxNode& node, uint32_t features) {
  Lists lists;
  SLIPWAY_RETURN_IF_ERROR(lists.Read(node));
  TreeEnsemble out;
  out.type = lists.type;
  out.features = features;
  out.targets = static_cast<uint32_t>(lists.target_count);
  out.aggregate =
      lists.aggregate == 0 ? TreeEnsemble::Aggregate::kMean : TreeEnsemble::Aggregate::kSum;
  out.nodes.reserve(lists.modes.size());
  for (size_t i = 0; i < lists.modes.size(); ++i) {
    Result<Node> made = MakeNode(lists, i);
    if (!made.ok()) return made.status().WithContext(StrCat("node ", i));
    out.nodes.push_back(*made);
  }
  for (const int64_t target : lists.targets) {
    if (target < 0 || target >= lists.target_count) {
      return InvalidArgument(StrCat("target ", target, " of ", lists.target_count));
    }
    out.first_target.push_back(static_cast<uint32_t>(target));
  }
  out.values = std::move(lists.weights);
  for (const int64_t root : lists.roots) out.roots.push_back(static_cast<int32_t>(root));
  MergeCopies(out);
  DropEmptyRoots(out);
  SLIPWAY_RETURN_IF_ERROR(Validate(out));
  return out;
}

}  // namespace slipway::graph

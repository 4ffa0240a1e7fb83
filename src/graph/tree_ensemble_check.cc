#include <cmath>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "graph/tree_ensemble.h"

namespace slipway::graph {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Status;
using base::StrCat;
using Node = TreeEnsemble::Node;

constexpr uint32_t kMaxTargets = 1'000'000;
constexpr uint32_t kMaxFeatures = 100'000'000;
// Written out, a node takes some 20 bytes, and an ONNX file has at most 2 GiB.
constexpr uint64_t kMaxWrittenNodes = 50'000'000;
// ONNX Runtime goes down a tree by recursion when it loads one.
constexpr uint32_t kMaxDepth = 4096;
// Exact as a double, so that a value of a row can be one.
constexpr int64_t kMaxMember = int64_t{1} << 53;

bool HasType(ElementType type, double value) {
  return type == ElementType::kDouble || static_cast<double>(static_cast<float>(value)) == value ||
         std::isnan(value);
}

Status CheckSizes(const TreeEnsemble& ensemble) {
  if (ensemble.type != ElementType::kDouble && ensemble.type != ElementType::kFloat) {
    return InvalidArgument(
        StrCat("expected numbers of FLOAT or DOUBLE, got ", ElementTypeName(ensemble.type)));
  }
  if (ensemble.features == 0 || ensemble.features > kMaxFeatures) {
    return InvalidArgument(
        StrCat("expected 1 to ", kMaxFeatures, " features, got ", ensemble.features));
  }
  if (ensemble.targets == 0 || ensemble.targets > kMaxTargets) {
    return InvalidArgument(
        StrCat("expected 1 to ", kMaxTargets, " targets, got ", ensemble.targets));
  }
  if (ensemble.values_per_leaf != 1 && ensemble.values_per_leaf != ensemble.targets) {
    return InvalidArgument(StrCat("expected 1 or ", ensemble.targets, " values a leaf, got ",
                                  ensemble.values_per_leaf));
  }
  const size_t leaves = ensemble.first_target.size();
  if (ensemble.values.size() != leaves * ensemble.values_per_leaf) {
    return InvalidArgument(StrCat("expected ", leaves * ensemble.values_per_leaf,
                                  " values of leaves, got ", ensemble.values.size()));
  }
  const uint64_t written =
      (ensemble.nodes.size() + leaves + ensemble.roots.size()) * uint64_t{ensemble.values_per_leaf};
  if (written > kMaxWrittenNodes) {
    return InvalidArgument(StrCat(written,
                                  " nodes and leaves, counted once for each target that a "
                                  "leaf has: an ONNX file holds at most ",
                                  kMaxWrittenNodes));
  }
  if (ensemble.aggregate == TreeEnsemble::Aggregate::kMean && ensemble.roots.empty()) {
    return InvalidArgument("a mean of no trees");
  }
  return OkStatus();
}

Status CheckLeaves(const TreeEnsemble& ensemble) {
  for (size_t leaf = 0; leaf < ensemble.first_target.size(); ++leaf) {
    const uint64_t end = uint64_t{ensemble.first_target[leaf]} + ensemble.values_per_leaf;
    if (end > ensemble.targets) {
      return InvalidArgument(StrCat("leaf ", leaf, ": target ", end - 1, " of ", ensemble.targets));
    }
  }
  for (size_t i = 0; i < ensemble.values.size(); ++i) {
    if (!HasType(ensemble.type, ensemble.values[i])) {
      return InvalidArgument(StrCat("leaf ", i / ensemble.values_per_leaf, ": the value ",
                                    ensemble.values[i], " is no FLOAT"));
    }
  }
  return OkStatus();
}

Status CheckMembers(const TreeEnsemble& ensemble) {
  for (size_t set = 0; set < ensemble.member_sets.size(); ++set) {
    for (const int64_t member : ensemble.member_sets[set]) {
      if (member < -kMaxMember || member > kMaxMember) {
        return InvalidArgument(StrCat("set ", set, ": the member ", member, " is out of range"));
      }
    }
  }
  return OkStatus();
}

Status CheckNode(const TreeEnsemble& ensemble, const Node& node) {
  if (node.feature >= ensemble.features) {
    return InvalidArgument(StrCat("feature ", node.feature, " of ", ensemble.features));
  }
  if (node.test == TreeEnsemble::Test::kMember) {
    if (node.members < ensemble.member_sets.size()) return OkStatus();
    return InvalidArgument(StrCat("set ", node.members, " of ", ensemble.member_sets.size()));
  }
  if (std::isnan(node.split)) return InvalidArgument("the split is not a number");
  if (!HasType(ensemble.type, node.split)) {
    return InvalidArgument(StrCat("the split ", node.split, " is no FLOAT"));
  }
  return OkStatus();
}

bool IsPlace(const TreeEnsemble& ensemble, int32_t child) {
  return child < 0 ? TreeEnsemble::LeafOf(child) < ensemble.first_target.size()
                   : static_cast<size_t>(child) < ensemble.nodes.size();
}

Status CheckNodes(const TreeEnsemble& ensemble) {
  for (size_t i = 0; i < ensemble.nodes.size(); ++i) {
    const Node& node = ensemble.nodes[i];
    Status status = CheckNode(ensemble, node);
    for (const int32_t child : {node.yes, node.no}) {
      if (!IsPlace(ensemble, child)) status = InvalidArgument(StrCat("no child ", child));
    }
    if (!status.ok()) return status.WithContext(StrCat("node ", i));
  }
  return OkStatus();
}

// Walks all trees from their roots without recursion. Positions have been checked.
class TreeWalk {
 public:
  explicit TreeWalk(const TreeEnsemble& ensemble)
      : ensemble_(ensemble), seen_(ensemble.nodes.size()) {}

  Status Check() {
    for (size_t tree = 0; tree < ensemble_.roots.size(); ++tree) {
      const int32_t root = ensemble_.roots[tree];
      Status status =
          IsPlace(ensemble_, root) ? Visit(root, 0) : InvalidArgument(StrCat("no root ", root));
      while (status.ok() && !open_.empty()) {
        const auto [node, depth] = open_.back();
        open_.pop_back();
        status = Visit(ensemble_.nodes[node].no, depth + 1);
        if (status.ok()) status = Visit(ensemble_.nodes[node].yes, depth + 1);
      }
      if (!status.ok()) return status.WithContext(StrCat("tree ", tree));
    }
    return OkStatus();
  }

 private:
  Status Visit(int32_t child, uint32_t depth) {
    if (child < 0) return OkStatus();
    const auto node = static_cast<size_t>(child);
    if (seen_[node]) return InvalidArgument(StrCat("node ", node, " is reached twice"));
    if (depth >= kMaxDepth) {
      return InvalidArgument(StrCat("node ", node, ": expected at most ", kMaxDepth, " levels"));
    }
    seen_[node] = true;
    open_.emplace_back(node, depth);
    return OkStatus();
  }

  const TreeEnsemble& ensemble_;
  std::vector<bool> seen_;
  std::vector<std::pair<size_t, uint32_t>> open_;
};

}  // namespace

Status Validate(const TreeEnsemble& ensemble) {
  SLIPWAY_RETURN_IF_ERROR(CheckSizes(ensemble));
  SLIPWAY_RETURN_IF_ERROR(CheckLeaves(ensemble));
  SLIPWAY_RETURN_IF_ERROR(CheckMembers(ensemble));
  SLIPWAY_RETURN_IF_ERROR(CheckNodes(ensemble));
  return TreeWalk(ensemble).Check();
}

}  // namespace slipway::graph

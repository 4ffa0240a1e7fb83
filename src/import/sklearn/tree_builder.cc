#include "import/sklearn/tree_builder.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"

namespace slipway::import::sklearn {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::TreeEnsemble;

namespace {

Result<std::vector<int64_t>> IntegerField(const Record& tree, const pickle::Array& nodes,
                                          std::string_view name) {
  const auto field = pickle::FieldOf(nodes, name);
  if (!field) return tree.Damaged(StrCat("nodes: has no field '", name, "'"));
  auto values = pickle::ToIntegers(*field);
  return values.ok() ? std::move(values) : tree.At("nodes", values.status());
}

// Children lie behind their parent and have one parent each: so there are no cycles.
Status CheckChildren(const Record& tree, const TreeArrays& arrays) {
  const auto count = static_cast<int64_t>(arrays.size());
  std::vector<bool> seen(arrays.size(), false);
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    if (arrays.left[at] == -1) continue;
    for (const int64_t child : {arrays.left[at], arrays.right[at]}) {
      if (child <= i || child >= count || seen[static_cast<size_t>(child)]) {
        return tree.Damaged(StrCat("node ", i, " of ", count, " has the child ", child));
      }
      seen[static_cast<size_t>(child)] = true;
    }
    if (arrays.feature[at] < 0 || arrays.feature[at] >= arrays.features) {
      return tree.Damaged(
          StrCat("node ", i, " compares column ", arrays.feature[at], " of ", arrays.features));
    }
  }
  return base::OkStatus();
}

// Tree(n_features, n_classes, n_outputs)
Status ReadArguments(const Record& tree, TreeArrays& arrays) {
  const pickle::Value& args = tree.value().node().args;
  if (!args.Is(pickle::Value::Kind::kTuple) || args.node().items.size() < 3) {
    return tree.Damaged("a tree without its three arguments");
  }
  const auto features = pickle::ReadInteger(args.node().items[0]);
  const auto outputs = pickle::ReadInteger(args.node().items[2]);
  if (!features.ok()) return tree.At("n_features", features.status());
  if (!outputs.ok()) return tree.At("n_outputs", outputs.status());
  arrays.features = *features;
  arrays.outputs = *outputs;
  return base::OkStatus();
}

}  // namespace

Result<TreeArrays> ReadTreeArrays(const Record& tree) {
  TreeArrays arrays;
  SLIPWAY_RETURN_IF_ERROR(ReadArguments(tree, arrays));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array nodes, tree.Array("nodes"));
  SLIPWAY_ASSIGN_OR_RETURN(arrays.left, IntegerField(tree, nodes, "left_child"));
  SLIPWAY_ASSIGN_OR_RETURN(arrays.right, IntegerField(tree, nodes, "right_child"));
  SLIPWAY_ASSIGN_OR_RETURN(arrays.feature, IntegerField(tree, nodes, "feature"));
  SLIPWAY_ASSIGN_OR_RETURN(arrays.samples, IntegerField(tree, nodes, "n_node_samples"));
  const auto threshold = pickle::FieldOf(nodes, "threshold");
  if (!threshold) return tree.Damaged("nodes: has no field 'threshold'");
  auto numbers = pickle::ToDoubles(*threshold);
  if (!numbers.ok()) return tree.At("nodes", numbers.status());
  arrays.threshold = *std::move(numbers);
  if (pickle::FieldOf(nodes, "missing_go_to_left")) {
    SLIPWAY_ASSIGN_OR_RETURN(arrays.missing_left, IntegerField(tree, nodes, "missing_go_to_left"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(arrays.values, tree.Numbers("values"));
  const std::vector<int64_t>& shape = arrays.values.shape;
  if (arrays.size() == 0 || shape.size() != 3 || shape[0] != static_cast<int64_t>(arrays.size()) ||
      shape[1] != arrays.outputs) {
    return tree.Damaged("values: do not fit the number of nodes and outputs");
  }
  arrays.classes = shape[2];
  SLIPWAY_RETURN_IF_ERROR(CheckChildren(tree, arrays));
  return arrays;
}

Result<TreeArrays> ReadTree(const Record& estimator) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record tree, estimator.Child("tree_"));
  if (tree.name() != "Tree") return estimator.Damaged("tree_: expected a Tree");
  return ReadTreeArrays(tree);
}

graph::Value AsFloat32(Scope& scope, const graph::Value& x) {
  return scope.graph.Cast(scope.graph.Cast(x, ElementType::kFloat), ElementType::kDouble);
}

void TreeBuilder::Add(const TreeArrays& tree, int64_t first_target, const LeafValues& leaf) {
  // The ensemble's position of each node of the tree: leaves are counted on their own.
  std::vector<int32_t> position(tree.size());
  auto nodes = static_cast<int32_t>(ensemble.nodes.size());
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] != -1) {
      position[i] = nodes++;
      continue;
    }
    position[i] = ~static_cast<int32_t>(ensemble.first_target.size());
    ensemble.first_target.push_back(static_cast<uint32_t>(first_target));
    leaf(i, ensemble.values);
  }
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] == -1) continue;
    TreeEnsemble::Node node;
    node.test = TreeEnsemble::Test::kLessOrEqual;
    node.missing_is_yes = !tree.missing_left.empty() && tree.missing_left[i] != 0;
    node.feature = static_cast<uint32_t>(tree.feature[i]);
    node.split = tree.threshold[i];
    node.yes = position[static_cast<size_t>(tree.left[i])];
    node.no = position[static_cast<size_t>(tree.right[i])];
    ensemble.nodes.push_back(node);
  }
  ensemble.roots.push_back(position[0]);
}

void TreeBuilder::AddConstant(int64_t first_target, std::span<const double> values) {
  ensemble.roots.push_back(~static_cast<int32_t>(ensemble.first_target.size()));
  ensemble.first_target.push_back(static_cast<uint32_t>(first_target));
  ensemble.values.insert(ensemble.values.end(), values.begin(), values.end());
}

Result<graph::Value> TreeBuilder::Finish(Scope& scope, const Record& record,
                                         const graph::Value& x) {
  const Status valid = graph::Validate(ensemble);
  if (!valid.ok()) return record.At("trees", valid);
  return graph::AddTreeEnsemble(scope.graph, x, ensemble);
}

}  // namespace slipway::import::sklearn

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/neighbor_search.h"
#include "import/sklearn/neighbor_votes.h"

// Nearest neighbours, by comparing with every row of the training data; the trees in the file only
// make that quicker. Neighbours that are equally far count in the order of the training data; what
// scikit-learn does then is left open there. Source: scikit-learn 1.9, sklearn/neighbors/
// _classification.py, _regression.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

struct Neighbors {
  Value position;  // int64 [batch, k], nearest first
  Value weight;    // [batch, k]
};

// 1 / distance; where a neighbour is at no distance at all, those count 1 and the others 0.
Value InverseDistances(GraphBuilder& graph, const Value& distance) {
  const Value zero =
      graph.Cast(graph.Node("Equal", {distance, Constant(graph, 0)}, {}, ElementType::kBool),
                 ElementType::kDouble);
  const Value any =
      graph.Node("Greater", {SumOfRows(graph, zero), Constant(graph, 0)}, {}, ElementType::kBool);
  const Value inverse = graph.Node("Div", {Constant(graph, 1), distance});
  return graph.Node("Where", {any, zero, inverse}, {}, ElementType::kDouble);
}

Result<Neighbors> FindNeighbors(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t k, record.Integer("n_neighbors"));
  SLIPWAY_ASSIGN_OR_RETURN(const Nearest nearest, FindNearest(scope, record, input, k));
  Neighbors out;
  out.position = nearest.position;
  const pickle::Value* weights = record.Find("weights");
  if (weights == nullptr || weights->Is(pickle::Value::Kind::kNone) ||
      record.Is("weights", "uniform")) {
    const std::vector<double> ones(static_cast<size_t>(k), 1.0);
    out.weight = RowConstant(graph, ones);
  } else if (record.Is("weights", "distance")) {
    const Value near =
        graph.Node("GatherElements", {nearest.distance.real, out.position}, {{"axis", int64_t{1}}});
    out.weight = InverseDistances(graph, near);
  } else {
    return scope.Unsupported(record, "weights by a function are not supported");
  }
  return out;
}

// Sums over the neighbours, [batch, columns], of a table's rows, [rows, columns], by weight.
Value WeightedSum(GraphBuilder& graph, const Neighbors& neighbors, const Reals& table) {
  const int64_t columns = table.shape.size() < 2 ? 1 : table.columns();
  const Value all =
      graph.Add(graph::DoubleConstant(
                    table.values, {static_cast<int64_t>(table.values.size()) / columns, columns}),
                "targets");
  const Value near = graph.Node("Gather", {all, neighbors.position}, {{"axis", int64_t{0}}});
  constexpr std::array<int64_t, 1> kLast = {2};
  constexpr std::array<int64_t, 1> kMiddle = {1};
  const Value weight = graph.Node(
      "Unsqueeze", {neighbors.weight, graph.Add(graph::Int64Constant(kLast, {1}), "axes")});
  return graph.Node(
      "ReduceSum",
      {graph.Node("Mul", {near, weight}), graph.Add(graph::Int64Constant(kMiddle, {1}), "axes")},
      {{"keepdims", int64_t{0}}});
}

Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<VoteTable> tables, ReadVotes(scope, record, rows.rows()));
  SLIPWAY_ASSIGN_OR_RETURN(const Neighbors neighbors, FindNeighbors(scope, record, input));
  return FromVotes(scope, record, std::move(tables), [&](const VoteTable& table, size_t) {
    return WeightedSum(scope.graph, neighbors, table.votes);
  });
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Neighbors neighbors, FindNeighbors(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals targets, record.Numbers("_y"));
  if (targets.values.empty()) return record.Damaged("_y: no targets");
  Answer answer;
  answer.targets = targets.shape.size() < 2 ? 1 : targets.columns();
  const Value sums = WeightedSum(scope.graph, neighbors, targets);
  answer.prediction = scope.graph.Node("Div", {sums, SumOfRows(scope.graph, neighbors.weight)});
  return answer;
}

constexpr Estimator kEstimators[] = {
    {"sklearn.neighbors", "KNeighborsClassifier", ConvertClassifier},
    {"sklearn.neighbors", "KNeighborsRegressor", ConvertRegressor},
};

}  // namespace

std::span<const Estimator> NeighborEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

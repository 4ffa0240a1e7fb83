#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Nearest neighbours, by comparing with every row of the training data; the trees in the file only
// make that quicker. Neighbours that are equally far count in the order of the training data; what
// scikit-learn does then is left open there. Source: scikit-learn 1.9, sklearn/neighbors/
// _classification.py, _regression.py, _nearest_centroid.py.
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

// Distances by the metric that was in effect, or what orders as they do and is quicker.
struct Distance {
  Value ordered;
  Value real;
};

Result<double> PowerOf(const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const double otherwise, record.NumberOr("p", 2));
  if (!record.Has("effective_metric_params_")) return otherwise;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* parameters, record.Get("effective_metric_params_"));
  if (!parameters->Is(pickle::Value::Kind::kDict)) return otherwise;
  const pickle::Value* p = pickle::FindKey(parameters->node().items, "p");
  return p == nullptr ? Result<double>(otherwise) : pickle::ReadNumber(*p);
}

Result<Distance> Distances(Scope& scope, const Record& record, const Value& x, const Reals& rows,
                           const std::string& metric) {
  GraphBuilder& graph = scope.graph;
  Distance out;
  if (metric == "euclidean" || metric == "l2") {
    out.ordered = SquaredDistances(graph, x, rows);
    out.real = graph.Node("Sqrt", {out.ordered});
    return out;
  }
  if (metric == "manhattan" || metric == "l1" || metric == "cityblock") {
    out.ordered = out.real = ManhattanDistances(graph, x, rows);
    return out;
  }
  if (metric == "chebyshev" || metric == "infinity") {
    out.ordered = out.real = ChebyshevDistances(graph, x, rows);
    return out;
  }
  if (metric == "minkowski") {
    SLIPWAY_ASSIGN_OR_RETURN(const double p, PowerOf(record));
    if (p == 1) return Distances(scope, record, x, rows, "manhattan");
    if (p == 2) return Distances(scope, record, x, rows, "euclidean");
    out.ordered = PowerDistances(graph, x, rows, p);
    out.real = graph.Node("Pow", {out.ordered, Constant(graph, 1 / p)});
    return out;
  }
  return scope.Unsupported(record, StrCat("metric '", metric, "' is not supported"));
}

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
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const pickle::Value* fitted = record.Find("_fit_X");
  if (fitted == nullptr || !pickle::IsArray(*fitted)) {
    return scope.Unsupported(record, "training data that is sparse, or not in the file");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, record.Numbers("_fit_X"));
  if (rows.shape.size() != 2 || rows.rows() == 0 || rows.columns() != input.width()) {
    return record.Damaged(StrCat("_fit_X: expected rows of ", input.width(), " numbers"));
  }
  if (rows.columns() > kMaxDistanceColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t k, record.Integer("n_neighbors"));
  if (k < 1 || k > rows.rows()) return record.Damaged("n_neighbors: out of range");
  const std::string metric = record.TextOr("effective_metric_", record.TextOr("metric", ""));
  SLIPWAY_ASSIGN_OR_RETURN(const Distance distance, Distances(scope, record, x, rows, metric));
  const Value count = graph.Add(graph::Int64Constant(std::span(&k, 1), {1}), "neighbors");
  const std::vector<Value> nearest =
      graph.Nodes("TopK", {distance.ordered, count},
                  {{"axis", int64_t{1}}, {"largest", int64_t{0}}, {"sorted", int64_t{1}}},
                  {ElementType::kDouble, ElementType::kInt64});
  Neighbors out;
  out.position = nearest[1];
  const pickle::Value* weights = record.Find("weights");
  if (weights == nullptr || weights->Is(pickle::Value::Kind::kNone) ||
      record.Is("weights", "uniform")) {
    const std::vector<double> ones(static_cast<size_t>(k), 1.0);
    out.weight = RowConstant(graph, ones);
  } else if (record.Is("weights", "distance")) {
    const Value near =
        graph.Node("GatherElements", {distance.real, out.position}, {{"axis", int64_t{1}}});
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
  SLIPWAY_ASSIGN_OR_RETURN(const bool two_d, record.BoolOr("outputs_2d_", false));
  if (two_d) return scope.Unsupported(record, "several outputs are not supported");
  SLIPWAY_ASSIGN_OR_RETURN(const Neighbors neighbors, FindNeighbors(scope, record, input));
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> codes, record.Integers("_y"));
  const int64_t count = answer.labels->size();
  // A row of zeros with a one for each class: how the neighbours vote.
  if (static_cast<int64_t>(codes.size()) > 100'000'000 / std::max<int64_t>(count, 1)) {
    return scope.Unsupported(record, "so many rows and classes are not supported");
  }
  Reals votes{.shape = {static_cast<int64_t>(codes.size()), count}, .values = {}};
  votes.values.assign(codes.size() * static_cast<size_t>(count), 0.0);
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0 || codes[i] >= count) return record.Damaged("_y: a class out of range");
    votes.values[i * static_cast<size_t>(count) + static_cast<size_t>(codes[i])] = 1;
  }
  const Value sums = WeightedSum(scope.graph, neighbors, votes);
  answer.code = FirstMaximum(scope.graph, sums);
  answer.probabilities = Normalized(scope.graph, sums, 0);
  return answer;
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

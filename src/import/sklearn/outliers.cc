#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/neighbor_search.h"
#include "import/sklearn/neighbor_votes.h"

// What is judged by the neighbourhood that it lies in: outliers, and rows by all neighbours within
// a radius. Source: scikit-learn 1.9, sklearn/neighbors/_lof.py, _classification.py,
// _regression.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// ---- LocalOutlierFactor

Value Take(GraphBuilder& graph, std::span<const double> table, const Value& position) {
  const auto size = static_cast<int64_t>(table.size());
  return graph.Node("Gather", {graph.Add(graph::DoubleConstant(table, {size}), "table"), position},
                    {{"axis", int64_t{0}}}, ElementType::kDouble);
}

// +1 for what lies as densely as the training data, -1 for what does not.
Result<Answer> ConvertLocalOutlierFactor(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const bool novelty, record.BoolOr("novelty", false));
  if (!novelty) {
    return scope.Unsupported(record, "novelty=False judges the training data, not new rows");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t k, record.Integer("n_neighbors_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double offset, record.Number("offset_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals density, record.Numbers("_lrd"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals distances, record.Numbers("_distances_fit_X_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  if (distances.shape.size() != 2 || distances.rows() != rows.rows() || k < 1 ||
      distances.columns() < k || density.values.size() != static_cast<size_t>(rows.rows())) {
    return record.Damaged("_distances_fit_X_, _lrd: do not fit the training data");
  }
  std::vector<double> farthest;  // how far the k-th neighbour of each row is
  farthest.reserve(static_cast<size_t>(rows.rows()));
  for (int64_t i = 0; i < rows.rows(); ++i) {
    farthest.push_back(distances.row(i)[static_cast<size_t>(k - 1)]);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Nearest nearest, FindNearest(scope, record, input, k));
  const Value near = graph.Node("GatherElements", {nearest.distance.real, nearest.position},
                                {{"axis", int64_t{1}}});
  const Value reach = graph.Node("Max", {near, Take(graph, farthest, nearest.position)});
  const Value count = Constant(graph, static_cast<double>(k));
  const Value mean = graph.Node("Div", {SumOfRows(graph, reach), count});
  const Value own = graph.Node("Reciprocal", {graph.Node("Add", {mean, Constant(graph, 1e-10)})});
  const Value ratios = graph.Node("Div", {Take(graph, density.values, nearest.position), own});
  const Value score = graph.Node("Neg", {graph.Node("Div", {SumOfRows(graph, ratios), count})});
  Answer answer;
  answer.labels = Labels();
  answer.labels->integers = {-1, 1};
  answer.decision = graph.Node("Sub", {score, Constant(graph, offset)});
  const Value inside =
      graph.Node("GreaterOrEqual", {answer.decision, Constant(graph, 0)}, {}, ElementType::kBool);
  answer.code = Flat(graph, graph.Cast(inside, ElementType::kInt64));
  return answer;
}

// ---- all within a radius

// How much each row of the training data counts, [batch, rows]: 0 beyond the radius.
Result<Value> WeightsWithin(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double radius, record.Number("radius"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Distance distance, Distances(scope, record, x, rows));
  const Value near =
      graph.Node("LessOrEqual", {distance.real, Constant(graph, radius)}, {}, ElementType::kBool);
  const Value within = graph.Cast(near, ElementType::kDouble);
  if (!record.Has("weights") || record.Is("weights", "uniform")) return within;
  if (!record.Is("weights", "distance")) {
    return scope.Unsupported(record, "weights by a function are not supported");
  }
  // Rows at no distance count alone.
  const Value zero = Constant(graph, 0);
  const Value at = graph.Cast(graph.Node("Equal", {distance.real, zero}, {}, ElementType::kBool),
                              ElementType::kDouble);
  const Value any = graph.Node("Greater", {SumOfRows(graph, at), zero}, {}, ElementType::kBool);
  const Value inverse = graph.Node("Where", {near, graph.Node("Reciprocal", {distance.real}), zero},
                                   {}, ElementType::kDouble);
  return graph.Node("Where", {any, at, inverse}, {}, ElementType::kDouble);
}

Value WeightedSums(GraphBuilder& graph, const Value& weights, const Reals& table, int64_t columns) {
  const auto rows = static_cast<int64_t>(table.values.size()) / columns;
  return graph.Node(
      "MatMul",
      {weights, graph.Add(graph::DoubleConstant(table.values, {rows, columns}), "targets")});
}

// For each output the class of rows without neighbours; -1 for none, whose shares are zeros.
Result<std::vector<int64_t>> OutlierClasses(Scope& scope, const Record& record,
                                            const std::vector<VoteTable>& tables) {
  if (!record.Has("outlier_label_")) {
    scope.Warn(record, "a row without neighbours has shares of zero, where Python raises");
    return std::vector<int64_t>(tables.size(), -1);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto list, record.List("outlier_label_"));
  if (list.size() != tables.size()) {
    return record.Damaged(StrCat("outlier_label_: expected ", tables.size()));
  }
  std::vector<int64_t> out;
  for (size_t i = 0; i < tables.size(); ++i) {
    const auto one = tables[i].labels.Find(list[i]);
    if (!one) return scope.Unsupported(record, "an outlier_label that is none of the classes");
    out.push_back(*one);
  }
  return out;
}

// The sums, or where they are all zero, the class of rows without neighbours.
Value OrOutlier(GraphBuilder& graph, const Value& sums, int64_t outlier, int64_t classes) {
  if (outlier < 0) return sums;
  std::vector<double> row(static_cast<size_t>(classes), 0.0);
  row[static_cast<size_t>(outlier)] = 1;
  const Value alone =
      graph.Node("Equal", {SumOfRows(graph, sums), Constant(graph, 0)}, {}, ElementType::kBool);
  return graph.Node("Where", {alone, RowConstant(graph, row), sums}, {}, ElementType::kDouble);
}

Result<Answer> ConvertRadiusClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<VoteTable> tables, ReadVotes(scope, record, rows.rows()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> outliers,
                           OutlierClasses(scope, record, tables));
  SLIPWAY_ASSIGN_OR_RETURN(const Value weights, WeightsWithin(scope, record, input));
  return FromVotes(scope, record, std::move(tables), [&](const VoteTable& table, size_t output) {
    const int64_t classes = table.labels.size();
    const Value sums = WeightedSums(scope.graph, weights, table.votes, classes);
    return OrOutlier(scope.graph, sums, outliers[output], classes);
  });
}

// A row without neighbours gives NaN, as it does in scikit-learn.
Result<Answer> ConvertRadiusRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals targets, record.Numbers("_y"));
  Answer answer;
  answer.targets = targets.shape.size() < 2 ? 1 : targets.columns();
  if (answer.targets < 1 || targets.rows() != rows.rows()) {
    return record.Damaged("_y: of other rows");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value weights, WeightsWithin(scope, record, input));
  const Value sums = WeightedSums(scope.graph, weights, targets, answer.targets);
  answer.prediction = scope.graph.Node("Div", {sums, SumOfRows(scope.graph, weights)});
  return answer;
}

constexpr std::string_view kNeighbors = "sklearn.neighbors";

constexpr Estimator kEstimators[] = {
    {kNeighbors, "LocalOutlierFactor", ConvertLocalOutlierFactor},
    {kNeighbors, "RadiusNeighborsClassifier", ConvertRadiusClassifier},
    {kNeighbors, "RadiusNeighborsRegressor", ConvertRadiusRegressor},
};

}  // namespace

std::span<const Estimator> OutlierEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

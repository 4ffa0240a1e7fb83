#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// KNNImputer: a missing number becomes the mean of that column in the rows of the training data
// that are nearest by what is known. Rows that are equally near count in the order of the training
// data; what scikit-learn does then is left open there. Source: scikit-learn 1.9,
// sklearn/impute/_knn.py, sklearn/metrics/pairwise.py (nan_euclidean_distances).
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value Where(GraphBuilder& graph, const Value& condition, const Value& yes, const Value& no) {
  return graph.Node("Where", {condition, yes, no}, {}, ElementType::kDouble);
}

Value IsNan(GraphBuilder& graph, const Value& x) {
  return graph.Node("IsNaN", {x}, {}, ElementType::kBool);
}

// The training data; what is missing is NaN.
struct Donors {
  Reals rows;
  int64_t neighbors = 0;
  bool by_distance = false;

  std::vector<double> column(int64_t index) const {
    std::vector<double> out;
    out.reserve(static_cast<size_t>(rows.rows()));
    for (int64_t i = 0; i < rows.rows(); ++i) {
      out.push_back(rows.row(i)[static_cast<size_t>(index)]);
    }
    return out;
  }
};

// Squared distances [batch, donors] over the columns that both have, as if all were there; infinite
// where there are none.
Value KnownDistances(GraphBuilder& graph, const Value& x, const Donors& donors) {
  const int64_t width = donors.rows.columns();
  Value sum;
  Value known;
  for (int64_t column = 0; column < width; ++column) {
    const Value difference = graph.Node("Sub", {graph.Columns(x, std::span(&column, 1)),
                                                RowConstant(graph, donors.column(column))});
    const Value missing = IsNan(graph, difference);
    const Value square =
        Where(graph, missing, Constant(graph, 0), graph.Node("Mul", {difference, difference}));
    const Value present = Where(graph, missing, Constant(graph, 0), Constant(graph, 1));
    sum = column == 0 ? square : graph.Node("Add", {sum, square});
    known = column == 0 ? present : graph.Node("Add", {known, present});
  }
  const Value none = graph.Node("Equal", {known, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value share = graph.Node("Div", {known, Constant(graph, static_cast<double>(width))});
  return Where(graph, none, Constant(graph, kInfinity), graph.Node("Div", {sum, share}));
}

// How much each of the nearest counts: nothing where the distance is not known; by 1 / distance,
// those at no distance count alone.
Value Weights(GraphBuilder& graph, const Value& squared, bool by_distance) {
  const Value zero = Constant(graph, 0);
  const Value one = Constant(graph, 1);
  const Value unknown =
      graph.Node("Equal", {squared, Constant(graph, kInfinity)}, {}, ElementType::kBool);
  if (!by_distance) return Where(graph, unknown, zero, one);
  const Value at = graph.Cast(graph.Node("Equal", {squared, zero}, {}, ElementType::kBool),
                              ElementType::kDouble);
  const Value any = graph.Node("Greater", {SumOfRows(graph, at), zero}, {}, ElementType::kBool);
  const Value inverse = graph.Node("Div", {one, graph.Node("Sqrt", {squared})});
  return Where(graph, any, at, inverse);
}

// What a column is filled with, [batch, 1].
Value Fill(GraphBuilder& graph, const Value& distances, const Donors& donors, int64_t column) {
  std::vector<int64_t> having;
  std::vector<double> values;
  double mean = 0;
  const std::vector<double> all = donors.column(column);
  for (size_t i = 0; i < all.size(); ++i) {
    if (std::isnan(all[i])) continue;
    having.push_back(static_cast<int64_t>(i));
    values.push_back(all[i]);
    mean += all[i];
  }
  mean /= static_cast<double>(values.size());
  const auto count = static_cast<int64_t>(values.size());
  const int64_t nearest = std::min(donors.neighbors, count);
  const Value of_these =
      count == static_cast<int64_t>(all.size()) ? distances : graph.Columns(distances, having);
  const std::vector<Value> found = graph.Nodes(
      "TopK", {of_these, graph.Add(graph::Int64Constant(std::span(&nearest, 1), {1}), "nearest")},
      {{"axis", int64_t{1}}, {"largest", int64_t{0}}, {"sorted", int64_t{1}}},
      {ElementType::kDouble, ElementType::kInt64});
  const Value table = graph.Add(graph::DoubleConstant(values, {count}), "values");
  const Value near =
      graph.Node("Gather", {table, found[1]}, {{"axis", int64_t{0}}}, ElementType::kDouble);
  const Value weights = Weights(graph, found[0], donors.by_distance);
  const Value total = SumOfRows(graph, weights);
  const Value average =
      graph.Node("Div", {SumOfRows(graph, graph.Node("Mul", {near, weights})), total});
  const Value alone = graph.Node("Equal", {total, Constant(graph, 0)}, {}, ElementType::kBool);
  return Where(graph, alone, Constant(graph, mean), average);
}

Result<Donors> ReadDonors(Scope& scope, const Record& record, int64_t width, double missing) {
  Donors out;
  SLIPWAY_ASSIGN_OR_RETURN(out.rows, record.Numbers("_fit_X"));
  if (out.rows.shape.size() != 2 || out.rows.rows() == 0 || out.rows.columns() != width) {
    return record.Damaged(StrCat("_fit_X: expected rows of ", width, " numbers"));
  }
  if (width > kMaxDistanceColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(out.neighbors, record.Integer("n_neighbors"));
  if (out.neighbors < 1) return record.Damaged("n_neighbors: out of range");
  out.by_distance = record.Is("weights", "distance");
  if (!out.by_distance && !record.Is("weights", "uniform")) {
    return scope.Unsupported(record, "weights by a function are not supported");
  }
  const std::string metric = record.TextOr("metric", "a function");
  if (metric != "nan_euclidean") {
    return scope.Unsupported(record, StrCat("metric '", metric, "' is not supported"));
  }
  for (double& value : out.rows.values) {
    if (value == missing) value = kNan;
  }
  return out;
}

Result<Answer> ConvertKnnImputer(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double missing, record.NumberOr("missing_values", kNan));
  SLIPWAY_ASSIGN_OR_RETURN(const Donors donors, ReadDonors(scope, record, input.width(), missing));
  SLIPWAY_ASSIGN_OR_RETURN(const bool keep_empty, record.BoolOr("keep_empty_features", false));
  if (!std::isnan(missing)) {
    const Value is_missing =
        graph.Node("Equal", {x, Constant(graph, missing)}, {}, ElementType::kBool);
    x = Where(graph, is_missing, Constant(graph, kNan), x);
  }
  const Value distances = KnownDistances(graph, x, donors);
  std::vector<Value> columns;
  for (int64_t column = 0; column < input.width(); ++column) {
    const Value from = graph.Columns(x, std::span(&column, 1));
    const bool empty =
        std::ranges::all_of(donors.column(column), [](double value) { return std::isnan(value); });
    if (!empty) {
      columns.push_back(
          Where(graph, IsNan(graph, from), Fill(graph, distances, donors, column), from));
    } else if (keep_empty) {
      const Value never = graph.Node("Less", {from, from}, {}, ElementType::kBool);
      columns.push_back(graph.Cast(never, ElementType::kDouble));
    }
  }
  if (record.Has("indicator_")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Record indicator, record.Child("indicator_"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto features, indicator.Integers("features_"));
    for (const int64_t feature : features) {
      if (feature < 0 || feature >= input.width()) return record.Damaged("indicator_: no column");
      const Value from = graph.Columns(x, std::span(&feature, 1));
      columns.push_back(graph.Cast(IsNan(graph, from), ElementType::kDouble));
    }
  }
  if (columns.empty()) return record.Damaged("leaves no columns");
  const auto width = static_cast<int64_t>(columns.size());
  return Answer::Output(Frame::Of(graph.Concat(std::move(columns)), width));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.impute", "KNNImputer", ConvertKnnImputer},
};

}  // namespace

std::span<const Estimator> KnnImputerEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

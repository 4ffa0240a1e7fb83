#include "import/sklearn/neighbor_search.h"

#include <string>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Source: scikit-learn 1.9, sklearn/neighbors/_base.py.
namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

Result<double> PowerOf(const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const double otherwise, record.NumberOr("p", 2));
  if (!record.Has("effective_metric_params_")) return otherwise;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* parameters, record.Get("effective_metric_params_"));
  if (!parameters->Is(pickle::Value::Kind::kDict)) return otherwise;
  const pickle::Value* p = pickle::FindKey(parameters->node().items, "p");
  return p == nullptr ? Result<double>(otherwise) : pickle::ReadNumber(*p);
}

Result<Distance> DistancesBy(Scope& scope, const Record& record, const Value& x, const Reals& rows,
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
    if (p == 1) return DistancesBy(scope, record, x, rows, "manhattan");
    if (p == 2) return DistancesBy(scope, record, x, rows, "euclidean");
    out.ordered = PowerDistances(graph, x, rows, p);
    out.real = graph.Node("Pow", {out.ordered, Constant(graph, 1 / p)});
    return out;
  }
  return scope.Unsupported(record, StrCat("metric '", metric, "' is not supported"));
}

}  // namespace

Result<Reals> TrainingRows(Scope& scope, const Record& record, const Frame& input) {
  const pickle::Value* fitted = record.Find("_fit_X");
  if (fitted == nullptr || !pickle::IsArray(*fitted)) {
    return scope.Unsupported(record, "training data that is sparse, or not in the file");
  }
  SLIPWAY_ASSIGN_OR_RETURN(Reals rows, record.Numbers("_fit_X"));
  if (rows.shape.size() != 2 || rows.rows() == 0 || rows.columns() != input.width()) {
    return record.Damaged(StrCat("_fit_X: expected rows of ", input.width(), " numbers"));
  }
  if (rows.columns() > kMaxDistanceColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  return rows;
}

Result<Distance> Distances(Scope& scope, const Record& record, const Value& x, const Reals& rows) {
  return DistancesBy(scope, record, x, rows,
                     record.TextOr("effective_metric_", record.TextOr("metric", "")));
}

Result<Nearest> FindNearest(Scope& scope, const Record& record, const Frame& input, int64_t count) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(scope, record, input));
  if (count < 1 || count > rows.rows()) return record.Damaged("n_neighbors: out of range");
  Nearest out;
  SLIPWAY_ASSIGN_OR_RETURN(out.distance, Distances(scope, record, x, rows));
  const Value most = graph.Add(graph::Int64Constant(std::span(&count, 1), {1}), "neighbors");
  out.position =
      graph.Nodes("TopK", {out.distance.ordered, most},
                  {{"axis", int64_t{1}}, {"largest", int64_t{0}}, {"sorted", int64_t{1}}},
                  {ElementType::kDouble, ElementType::kInt64})[1];
  return out;
}

}  // namespace slipway::import::sklearn

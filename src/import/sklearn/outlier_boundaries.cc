#include <string>
#include <utility>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Outliers, told by a boundary around the training data. Source: scikit-learn 1.9,
// sklearn/covariance/_elliptic_envelope.py, _empirical_covariance.py,
// sklearn/linear_model/_stochastic_gradient.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// +1 for what lies on the boundary or inside of it, -1 for what does not.
Answer Inside(GraphBuilder& graph, const Value& decision) {
  Answer answer;
  answer.labels = Labels();
  answer.labels->integers = {-1, 1};
  answer.decision = decision;
  const Value inside =
      graph.Node("GreaterOrEqual", {decision, Constant(graph, 0)}, {}, ElementType::kBool);
  answer.code = Flat(graph, graph.Cast(inside, ElementType::kInt64));
  return answer;
}

// By the Mahalanobis distance from the centre.
Result<Answer> ConvertEnvelope(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  const int64_t width = input.width();
  if (!record.Has("precision_")) {
    return scope.Unsupported(record, "store_precision=False is not supported");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Reals center, record.Numbers("location_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals precision, record.Numbers("precision_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double offset, record.Number("offset_"));
  if (static_cast<int64_t>(center.values.size()) != width || precision.shape.size() != 2 ||
      precision.rows() != width || precision.columns() != width) {
    return record.Damaged(StrCat("location_, precision_: expected ", width, " columns"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const Value from = graph.Node("Sub", {x, RowConstant(graph, center.values)});
  const Value scaled = graph.Node("MatMul", {from, Transposed(graph, precision)});
  const Value distance = graph.Node("Sqrt", {SumOfRows(graph, graph.Node("Mul", {scaled, from}))});
  const Value score = graph.Node("Neg", {graph.Node("Mul", {distance, distance})});
  return Inside(graph, graph.Node("Sub", {score, Constant(graph, offset)}));
}

// By a hyperplane.
Result<Answer> ConvertPlane(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("coef_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals offset, record.Numbers("offset_"));
  if (static_cast<int64_t>(weights.values.size()) != input.width() || offset.values.size() != 1) {
    return record.Damaged(StrCat("coef_, offset_: expected ", input.width(), " numbers and one"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const Value table =
      graph.Add(graph::DoubleConstant(weights.values, {input.width(), 1}), "weights");
  const Value product = graph.Node("MatMul", {x, table});
  return Inside(graph, graph.Node("Sub", {product, Constant(graph, offset.values.front())}));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.covariance", "EllipticEnvelope", ConvertEnvelope},
    {"sklearn.linear_model", "SGDOneClassSVM", ConvertPlane},
};

}  // namespace

std::span<const Estimator> OutlierBoundaryEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Projections and clusters. Source: scikit-learn 1.9, sklearn/decomposition/_base.py,
// _truncated_svd.py, _fastica.py, sklearn/neighbors/_nca.py, sklearn/random_projection.py,
// sklearn/cluster/_kmeans.py, _affinity_propagation.py, _mean_shift.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::Value;

base::Status CheckColumns(const Record& record, std::string_view attribute, const Reals& rows,
                          int64_t width) {
  if (rows.shape.size() == 2 && rows.rows() > 0 && rows.columns() == width) return base::OkStatus();
  return record.Damaged(StrCat(attribute, ": expected rows of ", width, " numbers"));
}

Result<Value> Centered(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  if (!record.Has("mean_")) return x;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals mean, record.Numbers("mean_"));
  if (static_cast<int64_t>(mean.values.size()) != input.width()) {
    return record.Damaged(StrCat("mean_: expected ", input.width(), " numbers"));
  }
  return scope.graph.Node("Sub", {x, RowConstant(scope.graph, mean.values)});
}

Result<Answer> ConvertProjection(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, Centered(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals components, record.Numbers("components_"));
  SLIPWAY_RETURN_IF_ERROR(CheckColumns(record, "components_", components, input.width()));
  Value y = scope.graph.Node("MatMul", {x, Transposed(scope.graph, components)});
  if (record.name().ends_with("PCA")) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool whiten, record.BoolOr("whiten", false));
    if (whiten) {
      SLIPWAY_ASSIGN_OR_RETURN(Reals scale, record.Numbers("explained_variance_"));
      if (static_cast<int64_t>(scale.values.size()) != components.rows()) {
        return record.Damaged("explained_variance_: of other components");
      }
      for (double& value : scale.values) {
        value = std::max(std::sqrt(value), std::numeric_limits<double>::epsilon());
      }
      y = scope.graph.Node("Div", {y, RowConstant(scope.graph, scale.values)});
    }
  }
  return Answer::Output(Frame::Of(y, components.rows()));
}

// Euclidean distances to each centre, [batch, centres], from differences.
Value Distances(Scope& scope, const Value& x, const Reals& centers) {
  graph::GraphBuilder& graph = scope.graph;
  std::vector<Value> columns;
  for (int64_t i = 0; i < centers.rows(); ++i) {
    const Value difference = graph.Node("Sub", {x, RowConstant(graph, centers.row(i))});
    columns.push_back(SumOfRows(graph, graph.Node("Mul", {difference, difference})));
  }
  return graph.Node("Sqrt", {graph.Concat(std::move(columns))});
}

// The nearest centre, and how far each of them is.
Result<Answer> ConvertCenters(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals centers, record.Numbers("cluster_centers_"));
  SLIPWAY_RETURN_IF_ERROR(CheckColumns(record, "cluster_centers_", centers, input.width()));
  if (centers.rows() > 10'000) {
    return scope.Unsupported(record, "more than 10,000 clusters are not supported");
  }
  graph::GraphBuilder& graph = scope.graph;
  const Value distances = Distances(scope, x, centers);
  Answer answer;
  answer.output = Frame::Of(distances, centers.rows());
  answer.labels = Labels();
  for (int64_t i = 0; i < centers.rows(); ++i) answer.labels->integers.push_back(i);
  answer.code = FirstMaximum(graph, graph.Node("Neg", {distances}));
  return answer;
}

// The nearest centre only.
Result<Answer> ConvertNearestCenter(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer centers, ConvertCenters(scope, record, input));
  Answer answer;
  answer.labels = std::move(centers.labels);
  answer.code = std::move(centers.code);
  return answer;
}

constexpr std::string_view kDecomposition = "sklearn.decomposition";

constexpr Estimator kEstimators[] = {
    {kDecomposition, "PCA", ConvertProjection},
    {kDecomposition, "IncrementalPCA", ConvertProjection},
    {kDecomposition, "TruncatedSVD", ConvertProjection},
    {kDecomposition, "FastICA", ConvertProjection},
    {"sklearn.neighbors", "NeighborhoodComponentsAnalysis", ConvertProjection},
    {"sklearn.random_projection", "GaussianRandomProjection", ConvertProjection},
    {"sklearn.cluster", "KMeans", ConvertCenters},
    {"sklearn.cluster", "MiniBatchKMeans", ConvertCenters},
    {"sklearn.cluster", "AffinityPropagation", ConvertNearestCenter},
    {"sklearn.cluster", "MeanShift", ConvertNearestCenter},
};

}  // namespace

std::span<const Estimator> DecompositionEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

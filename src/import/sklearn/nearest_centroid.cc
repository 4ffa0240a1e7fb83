#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// The class whose centre is nearest. Source: scikit-learn 1.9,
// sklearn/neighbors/_nearest_centroid.py, sklearn/discriminant_analysis.py
// (DiscriminantAnalysisPredictionMixin).
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// Whether all classes are as likely, as NumPy's isclose() sees it.
bool AreEqual(const Reals& priors) {
  const double share = 1 / static_cast<double>(priors.values.size());
  return std::ranges::all_of(priors.values, [share](double prior) {
    return std::abs(prior - share) <= 1e-8 + 1e-5 * share;
  });
}

// How far each row is from each centre, squared, after both are divided by how columns spread.
Result<Value> SquaredSpread(Scope& scope, const Record& record, const Value& x, Reals centers,
                            bool manhattan) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(Reals spread, record.Numbers("within_class_std_dev_"));
  const auto width = static_cast<size_t>(centers.columns());
  if (spread.values.size() != width) {
    return record.Damaged(StrCat("within_class_std_dev_: expected ", width, " numbers"));
  }
  std::ranges::replace(spread.values, 0.0, 1.0);
  for (size_t i = 0; i < centers.values.size(); ++i) centers.values[i] /= spread.values[i % width];
  const Value scaled = graph.Node("Div", {x, RowConstant(graph, spread.values)});
  if (!manhattan) return SquaredDistances(graph, scaled, centers);
  const Value distance = ManhattanDistances(graph, scaled, centers);
  return graph.Node("Mul", {distance, distance});
}

// Scores of each class, [batch, classes].
Result<Value> Scores(Scope& scope, const Record& record, const Value& squares,
                     const Reals& priors) {
  std::vector<double> terms;
  terms.reserve(priors.values.size());
  for (const double prior : priors.values) terms.push_back(2 * std::log(prior));
  if (std::ranges::any_of(terms, [](double term) { return std::isnan(term); })) {
    return record.Damaged("class_prior_: a share below zero");
  }
  return scope.graph.Node("Sub", {RowConstant(scope.graph, terms), squares});
}

// Files before scikit-learn 1.6 have no priors, and their estimators say a label and no more.
Result<Answer> ConvertNearestCentroid(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  const std::string metric = record.TextOr("metric", "a function");
  const bool manhattan = metric == "manhattan";
  if (!manhattan && metric != "euclidean") {
    return scope.Unsupported(record,
                             StrCat("metric '", base::Printable(metric), "' is not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals centers, record.Numbers("centroids_"));
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t classes = answer.classes();
  if (centers.shape.size() != 2 || centers.columns() != input.width() ||
      centers.rows() != classes) {
    return record.Damaged(
        StrCat("centroids_: expected ", classes, " rows of ", input.width(), " numbers"));
  }
  if (centers.columns() > kMaxDistanceColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  const Value distance =
      manhattan ? ManhattanDistances(graph, x, centers) : SquaredDistances(graph, x, centers);
  answer.code = FirstMaximum(graph, graph.Node("Neg", {distance}));
  if (!record.Has("class_prior_")) return answer;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals priors, record.Numbers("class_prior_"));
  if (static_cast<int64_t>(priors.values.size()) != classes) {
    return record.Damaged(StrCat("class_prior_: expected ", classes, " numbers"));
  }
  const bool equal = AreEqual(priors);
  if (equal && manhattan) return answer;
  SLIPWAY_ASSIGN_OR_RETURN(const Value squares,
                           SquaredSpread(scope, record, x, centers, manhattan));
  SLIPWAY_ASSIGN_OR_RETURN(const Value scores, Scores(scope, record, squares, priors));
  if (!equal) answer.code = FirstMaximum(graph, scores);
  if (manhattan) return answer;
  answer.probabilities = Softmax(graph, scores);
  answer.decision = scores;
  if (classes == 2) {
    constexpr int64_t kPositions[] = {0, 1};
    answer.decision = graph.Node("Sub", {graph.Columns(scores, std::span(kPositions + 1, 1)),
                                         graph.Columns(scores, std::span(kPositions, 1))});
  }
  return answer;
}

constexpr Estimator kEstimators[] = {
    {"sklearn.neighbors", "NearestCentroid", ConvertNearestCentroid}};

}  // namespace

std::span<const Estimator> NearestCentroidEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

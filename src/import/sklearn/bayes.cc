#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Classifiers by the joint log-likelihood of each class. Source: scikit-learn 1.9,
// sklearn/naive_bayes.py, sklearn/discriminant_analysis.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr int64_t kMaxClasses = 10'000;

base::Status CheckMatrix(const Record& record, std::string_view attribute, const Reals& matrix,
                         int64_t rows, int64_t columns) {
  if (matrix.shape.size() == 2 && matrix.rows() == rows && matrix.columns() == columns) {
    return base::OkStatus();
  }
  return record.Damaged(StrCat(attribute, ": expected ", rows, " rows of ", columns, " numbers"));
}

base::Status CheckCount(const Record& record, std::string_view attribute, const Reals& values,
                        int64_t count) {
  if (static_cast<int64_t>(values.values.size()) == count && count <= kMaxClasses) {
    return base::OkStatus();
  }
  return record.Damaged(StrCat(attribute, ": expected a number for each of ", count, " classes"));
}

// The answer of a classifier whose joint log-likelihoods are [batch, classes].
Answer FromLikelihoods(Scope& scope, Labels labels, const Value& likelihoods) {
  Answer answer;
  answer.labels = std::move(labels);
  answer.code = FirstMaximum(scope.graph, likelihoods);
  answer.probabilities = Softmax(scope.graph, likelihoods);
  return answer;
}

Result<Answer> ConvertGaussian(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  const int64_t count = labels.size();
  const std::string_view variance_name = record.Has("var_") ? "var_" : "sigma_";
  SLIPWAY_ASSIGN_OR_RETURN(const Reals means, record.Numbers("theta_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals variances, record.Numbers(variance_name));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals priors, record.Numbers("class_prior_"));
  SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, "theta_", means, count, input.width()));
  SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, variance_name, variances, count, input.width()));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(record, "class_prior_", priors, count));
  std::vector<Value> likelihoods;
  for (int64_t i = 0; i < count; ++i) {
    double constant = std::log(priors.values[static_cast<size_t>(i)]);
    for (const double v : variances.row(i)) constant -= 0.5 * std::log(2 * std::numbers::pi * v);
    const Value difference = graph.Node("Sub", {x, RowConstant(graph, means.row(i))});
    const Value square = graph.Node("Mul", {difference, difference});
    const Value scaled = graph.Node("Div", {square, RowConstant(graph, variances.row(i))});
    const Value half = graph.Node("Mul", {SumOfRows(graph, scaled), Constant(graph, -0.5)});
    likelihoods.push_back(graph.Node("Add", {half, Constant(graph, constant)}));
  }
  return FromLikelihoods(scope, std::move(labels), graph.Concat(std::move(likelihoods)));
}

// x (feature_log_prob_)^T + class_log_prior_, for counts of something.
Result<Answer> ConvertCounts(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  const int64_t count = labels.size();
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("feature_log_prob_"));
  SLIPWAY_ASSIGN_OR_RETURN(Reals priors, record.Numbers("class_log_prior_"));
  SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, "feature_log_prob_", weights, count, input.width()));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(record, "class_log_prior_", priors, count));
  if (record.name() == "ComplementNB" && count > 1) priors.values.assign(priors.values.size(), 0);
  return FromLikelihoods(scope, std::move(labels), Affine(scope.graph, x, weights, priors));
}

Result<Answer> ConvertBernoulli(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  const int64_t count = labels.size();
  SLIPWAY_ASSIGN_OR_RETURN(Reals weights, record.Numbers("feature_log_prob_"));
  SLIPWAY_ASSIGN_OR_RETURN(Reals priors, record.Numbers("class_log_prior_"));
  SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, "feature_log_prob_", weights, count, input.width()));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(record, "class_log_prior_", priors, count));
  if (record.Has("binarize")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double threshold, record.Number("binarize"));
    const Value above =
        graph.Node("Greater", {x, Constant(graph, threshold)}, {}, ElementType::kBool);
    x = graph.Cast(above, ElementType::kDouble);
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < input.width(); ++k) {
      double& weight = weights.values[static_cast<size_t>(i * input.width() + k)];
      const double absent = std::log(1 - std::exp(weight));
      priors.values[static_cast<size_t>(i)] += absent;
      weight -= absent;
    }
  }
  return FromLikelihoods(scope, std::move(labels), Affine(graph, x, weights, priors));
}

// A table of log-probabilities for each column, [classes, categories].
Result<Answer> ConvertCategorical(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto tables, record.List("feature_log_prob_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals priors, record.Numbers("class_log_prior_"));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(record, "class_log_prior_", priors, labels.size()));
  if (static_cast<int64_t>(tables.size()) != input.width()) {
    return record.Damaged(StrCat("feature_log_prob_: of ", tables.size(), " columns"));
  }
  Value sum;
  for (size_t i = 0; i < tables.size(); ++i) {
    auto table = ReadReals(tables[i], record.budget());
    if (!table.ok()) return record.At("feature_log_prob_", table.status());
    if (table->shape.size() != 2 || table->rows() != labels.size()) {
      return record.Damaged("feature_log_prob_: of other classes");
    }
    const std::array<int64_t, 1> column = {static_cast<int64_t>(i)};
    const Value code = Flat(graph, graph.Cast(graph.Columns(x, column), ElementType::kInt64));
    const Value row =
        graph.Node("Gather", {Transposed(graph, *table), code}, {{"axis", int64_t{0}}});
    sum = i == 0 ? row : graph.Node("Add", {sum, row});
  }
  sum = graph.Node("Add", {sum, RowConstant(graph, priors.values)});
  return FromLikelihoods(scope, std::move(labels), sum);
}

Result<Answer> ConvertQuadratic(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  const auto count = static_cast<size_t>(labels.size());
  SLIPWAY_ASSIGN_OR_RETURN(const Reals means, record.Numbers("means_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals priors, record.Numbers("priors_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto rotations, record.List("rotations_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto scalings, record.List("scalings_"));
  SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, "means_", means, labels.size(), input.width()));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(record, "priors_", priors, labels.size()));
  if (rotations.size() != count || scalings.size() != count) {
    return record.Damaged("rotations_, scalings_: of other classes");
  }
  std::vector<Value> likelihoods;
  for (size_t i = 0; i < count; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const Reals rotation, ReadReals(rotations[i], record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(const Reals scaling, ReadReals(scalings[i], record.budget()));
    const auto directions = static_cast<int64_t>(scaling.values.size());
    SLIPWAY_RETURN_IF_ERROR(CheckMatrix(record, "rotations_", rotation, input.width(), directions));
    std::vector<double> weights = rotation.values;
    double constant = 2 * std::log(priors.values[i]);
    for (const double s : scaling.values) constant -= std::log(s);
    for (size_t k = 0; k < weights.size(); ++k) {
      weights[k] *= std::pow(scaling.values[k % scaling.values.size()], -0.5);
    }
    const Value centered =
        graph.Node("Sub", {x, RowConstant(graph, means.row(static_cast<int64_t>(i)))});
    const Value rotated = graph.Node(
        "MatMul", {centered, graph.Add(graph::DoubleConstant(weights, {input.width(), directions}),
                                       "rotation")});
    const Value length = SumOfRows(graph, graph.Node("Mul", {rotated, rotated}));
    const Value both = graph.Node("Sub", {Constant(graph, constant), length});
    likelihoods.push_back(graph.Node("Mul", {both, Constant(graph, 0.5)}));
  }
  const Value all = graph.Concat(std::move(likelihoods));
  Answer answer = FromLikelihoods(scope, std::move(labels), all);
  constexpr std::array<double, 2> kSigns = {-1, 1};
  answer.decision =
      count == 2 ? SumOfRows(graph, graph.Node("Mul", {all, RowConstant(graph, kSigns)})) : all;
  return answer;
}

constexpr std::string_view kBayes = "sklearn.naive_bayes";

constexpr Estimator kEstimators[] = {
    {kBayes, "GaussianNB", ConvertGaussian},
    {kBayes, "MultinomialNB", ConvertCounts},
    {kBayes, "ComplementNB", ConvertCounts},
    {kBayes, "BernoulliNB", ConvertBernoulli},
    {kBayes, "CategoricalNB", ConvertCategorical},
    {"sklearn.discriminant_analysis", "QuadraticDiscriminantAnalysis", ConvertQuadratic},
};

}  // namespace

std::span<const Estimator> BayesEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

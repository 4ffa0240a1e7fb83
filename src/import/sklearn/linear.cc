#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/partial_least_squares.h"

// Estimators that are a product with a matrix of coefficients. Source: scikit-learn 1.9,
// sklearn/linear_model/_base.py, _logistic.py, _stochastic_gradient.py, _glm/glm.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

struct Coefficients {
  Reals rows;    // [targets, columns]
  Reals offset;  // [targets], or one for all
  int64_t targets = 1;
};

Result<Coefficients> ReadCoefficients(const Record& record, int64_t columns) {
  Coefficients out;
  SLIPWAY_ASSIGN_OR_RETURN(out.rows, record.Numbers("coef_"));
  SLIPWAY_ASSIGN_OR_RETURN(out.offset, record.Numbers("intercept_"));
  if (out.rows.shape.size() > 2) return record.Damaged("coef_: expected a matrix");
  out.targets = out.rows.shape.size() < 2 ? 1 : out.rows.rows();
  const auto count = static_cast<int64_t>(out.rows.values.size());
  if (out.targets == 0 || count != out.targets * columns) {
    return record.Damaged(StrCat("coef_: expected ", columns, " numbers for each of ", out.targets,
                                 " rows, got ", count));
  }
  const auto offsets = static_cast<int64_t>(out.offset.values.size());
  if (offsets != 1 && offsets != out.targets) {
    return record.Damaged(StrCat("intercept_: expected ", out.targets, " numbers, got ", offsets));
  }
  return out;
}

// x coef^T + intercept, and how many columns that has.
Result<std::pair<Value, int64_t>> LinearPart(Scope& scope, const Record& record,
                                             const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Coefficients coefficients,
                           ReadCoefficients(record, input.width()));
  const Value z = Affine(scope.graph, x, coefficients.rows, coefficients.offset);
  return std::pair(z, coefficients.targets);
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto part, LinearPart(scope, record, input));
  Answer answer;
  answer.prediction = part.first;
  answer.targets = part.second;
  return answer;
}

// Classes, decision and label of a linear classifier.
Result<Answer> ConvertDecision(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto part, LinearPart(scope, record, input));
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t count = answer.classes();
  if (part.second != (count == 2 ? 1 : count)) {
    return record.Damaged(StrCat("coef_: ", part.second, " rows do not fit ", count, " classes"));
  }
  answer.decision = part.first;
  answer.code = Decide(scope.graph, answer.decision, count);
  return answer;
}

// Probabilities of each class against the rest.
Value OneVersusRest(Scope& scope, const Answer& answer) {
  const Value p = Expit(scope.graph, answer.decision);
  if (answer.classes() == 2) return WithComplement(scope.graph, p);
  return scope.graph.Node("Div", {p, SumOfRows(scope.graph, p)});
}

Result<Answer> ConvertLogisticRegression(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertDecision(scope, record, input));
  const bool two = answer.classes() == 2;
  if (record.Is("multi_class", "multinomial") && two) {
    const Value& z = answer.decision;
    const Value both = scope.graph.Concat({scope.graph.Node("Neg", {z}), z});
    answer.probabilities = Softmax(scope.graph, both);
  } else if (two || record.Is("multi_class", "ovr") || record.Is("multi_class", "warn") ||
             (record.Is("solver", "liblinear") && !record.Is("multi_class", "multinomial"))) {
    answer.probabilities = OneVersusRest(scope, answer);
  } else {
    answer.probabilities = Softmax(scope.graph, answer.decision);
  }
  return answer;
}

// loss="modified_huber": (clip(z, -1, 1) + 1) / 2, and all equal where that is zero for every
// class.
Value ModifiedHuber(Scope& scope, const Answer& answer) {
  graph::GraphBuilder& graph = scope.graph;
  const Value clipped =
      graph.Node("Clip", {answer.decision, Constant(graph, -1), Constant(graph, 1)});
  const Value p =
      graph.Node("Div", {graph.Node("Add", {clipped, Constant(graph, 1)}), Constant(graph, 2)});
  const int64_t count = answer.classes();
  if (count == 2) return WithComplement(graph, p);
  return Normalized(graph, p, 1.0 / static_cast<double>(count));
}

Result<Answer> ConvertSgdClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertDecision(scope, record, input));
  const std::string loss = record.TextOr("loss", "hinge");
  if (loss == "log_loss" || loss == "log") answer.probabilities = OneVersusRest(scope, answer);
  if (loss == "modified_huber") answer.probabilities = ModifiedHuber(scope, answer);
  return answer;
}

Result<Answer> ConvertRidgeClassifier(Scope& scope, const Record& record, const Frame& input) {
  // classes_ is a property; the classes lie in the binarizer that was fitted on the labels.
  SLIPWAY_ASSIGN_OR_RETURN(const Record binarizer, record.Child("_label_binarizer"));
  const bool several = binarizer.Is("y_type_", "multilabel-indicator");
  if (!several && !binarizer.Is("y_type_", "binary") && !binarizer.Is("y_type_", "multiclass")) {
    return scope.Unsupported(record, StrCat("labels of kind '", binarizer.TextOr("y_type_", "?"),
                                            "' are not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto part, LinearPart(scope, record, input));
  Answer answer;
  if (several) {
    SLIPWAY_ASSIGN_OR_RETURN(answer.several,
                             ManyLabels(scope, binarizer, part.first, part.second, 0));
    answer.several->decision = part.first;
    return answer;
  }
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(binarizer, "classes_"));
  const int64_t count = answer.classes();
  if (part.second != (count == 2 ? 1 : count)) {
    return record.Damaged(StrCat("coef_: ", part.second, " rows do not fit ", count, " classes"));
  }
  answer.decision = part.first;
  answer.code = Decide(scope.graph, answer.decision, count);
  return answer;
}

// Generalised linear models: the inverse of the link, of a linear part.
Result<Answer> ConvertLogLink(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertRegressor(scope, record, input));
  answer.prediction = scope.graph.Node("Exp", {answer.prediction});
  return answer;
}

Result<Answer> ConvertTweedie(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const double power, record.NumberOr("power", 0));
  const std::string link = record.TextOr("link", "auto");
  if (link == "log" || (link == "auto" && power > 0)) return ConvertLogLink(scope, record, input);
  return ConvertRegressor(scope, record, input);
}

// What transform() gives; nullopt of the solver that has none.
Result<std::optional<Frame>> Projected(Scope& scope, const Record& record, const Frame& input) {
  if (!record.Has("scalings_") || !record.Has("_max_components") || record.Is("solver", "lsqr")) {
    return std::optional<Frame>();
  }
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals scalings, record.Numbers("scalings_"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t most, record.Integer("_max_components"));
  if (scalings.shape.size() != 2 || scalings.rows() != input.width() || most < 1) {
    return record.Damaged(StrCat("scalings_: expected ", input.width(), " rows"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  if (record.Is("solver", "svd")) {
    SLIPWAY_RETURN_IF_ERROR(ApplyRow(graph, record, "Sub", "xbar_", input.width(), x));
  }
  const int64_t count = std::min(most, scalings.columns());
  std::vector<double> kept;
  for (int64_t i = 0; i < scalings.rows(); ++i) {
    const auto row = scalings.row(i).first(static_cast<size_t>(count));
    kept.insert(kept.end(), row.begin(), row.end());
  }
  const Value weights =
      graph.Add(graph::DoubleConstant(kept, {scalings.rows(), count}), "scalings");
  return std::optional(Frame::Of(graph.Node("MatMul", {x, weights}), count));
}

// A class of labels is decided as f > 0, and has probabilities by the same rule as logistic
// regression: a softmax for three classes or more.
Result<Answer> ConvertDiscriminant(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertDecision(scope, record, input));
  answer.probabilities = answer.classes() == 2
                             ? WithComplement(scope.graph, Expit(scope.graph, answer.decision))
                             : Softmax(scope.graph, answer.decision);
  SLIPWAY_ASSIGN_OR_RETURN(answer.output, Projected(scope, record, input));
  return answer;
}

constexpr std::string_view kLinear = "sklearn.linear_model";
constexpr std::string_view kCross = "sklearn.cross_decomposition";

constexpr Estimator kEstimators[] = {
    {kLinear, "LinearRegression", ConvertRegressor},
    {kLinear, "Ridge", ConvertRegressor},
    {kLinear, "RidgeCV", ConvertRegressor},
    {kLinear, "Lasso", ConvertRegressor},
    {kLinear, "LassoCV", ConvertRegressor},
    {kLinear, "ElasticNet", ConvertRegressor},
    {kLinear, "ElasticNetCV", ConvertRegressor},
    {kLinear, "MultiTaskLasso", ConvertRegressor},
    {kLinear, "MultiTaskLassoCV", ConvertRegressor},
    {kLinear, "MultiTaskElasticNet", ConvertRegressor},
    {kLinear, "MultiTaskElasticNetCV", ConvertRegressor},
    {kLinear, "Lars", ConvertRegressor},
    {kLinear, "LarsCV", ConvertRegressor},
    {kLinear, "LassoLars", ConvertRegressor},
    {kLinear, "LassoLarsCV", ConvertRegressor},
    {kLinear, "LassoLarsIC", ConvertRegressor},
    {kLinear, "OrthogonalMatchingPursuit", ConvertRegressor},
    {kLinear, "OrthogonalMatchingPursuitCV", ConvertRegressor},
    {kLinear, "BayesianRidge", ConvertRegressor},
    {kLinear, "ARDRegression", ConvertRegressor},
    {kLinear, "HuberRegressor", ConvertRegressor},
    {kLinear, "TheilSenRegressor", ConvertRegressor},
    {kLinear, "QuantileRegressor", ConvertRegressor},
    {kLinear, "SGDRegressor", ConvertRegressor},
    {kLinear, "PassiveAggressiveRegressor", ConvertRegressor},
    {"sklearn.svm", "LinearSVR", ConvertRegressor},
    {kLinear, "PoissonRegressor", ConvertLogLink},
    {kLinear, "GammaRegressor", ConvertLogLink},
    {kLinear, "TweedieRegressor", ConvertTweedie},
    {kLinear, "LogisticRegression", ConvertLogisticRegression},
    {kLinear, "LogisticRegressionCV", ConvertLogisticRegression},
    {kLinear, "SGDClassifier", ConvertSgdClassifier},
    {kLinear, "Perceptron", ConvertDecision},
    {kLinear, "PassiveAggressiveClassifier", ConvertDecision},
    {"sklearn.svm", "LinearSVC", ConvertDecision},
    {kLinear, "RidgeClassifier", ConvertRidgeClassifier},
    {kLinear, "RidgeClassifierCV", ConvertRidgeClassifier},
    {kCross, "PLSRegression", ConvertPartialLeastSquares},
    {kCross, "PLSCanonical", ConvertPartialLeastSquares},
    {kCross, "CCA", ConvertPartialLeastSquares},
    {kCross, "PLSSVD", ConvertPartialLeastSquaresScores},
    {"sklearn.discriminant_analysis", "LinearDiscriminantAnalysis", ConvertDiscriminant},
};

}  // namespace

std::span<const Estimator> LinearEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/covariance_functions.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/special_functions.h"

// Gaussian processes. Source: scikit-learn 1.9, sklearn/gaussian_process/_gpr.py, _gpc.py;
// Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 3.2.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr int64_t kMaxClassifierRows = 3000;  // a triangle of these is inverted

Result<Reals> TrainingRows(const Record& record, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals rows, record.Numbers("X_train_"));
  if (rows.shape.size() == 2 && rows.rows() > 0 && rows.columns() == width) return rows;
  return record.Damaged(StrCat("X_train_: expected rows of ", width, " numbers"));
}

Result<Value> ToTraining(Scope& scope, const Record& record, const Value& x, const Reals& rows) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record kernel, record.Child("kernel_"));
  return Covariance(scope, kernel, x, rows);
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals alpha, record.Numbers("alpha_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals mean, record.Numbers("_y_train_mean"));
  const Reals one{.shape = {}, .values = {1}};
  SLIPWAY_ASSIGN_OR_RETURN(const Reals scale, record.Has("_y_train_std")
                                                  ? record.Numbers("_y_train_std")
                                                  : Result<Reals>(one));
  Answer answer;
  answer.targets = alpha.shape.size() < 2 ? 1 : alpha.columns();
  const auto fits = [&](const Reals& values) {
    return values.values.size() == 1 ||
           static_cast<int64_t>(values.values.size()) == answer.targets;
  };
  if (alpha.rows() != rows.rows() || answer.targets == 0 || !fits(mean) || !fits(scale)) {
    return record.Damaged("alpha_, _y_train_mean, _y_train_std: do not fit each other");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value covariance, ToTraining(scope, record, x, rows));
  const Value weights =
      graph.Add(graph::DoubleConstant(alpha.values, {rows.rows(), answer.targets}), "alpha");
  const Value product = graph.Node("MatMul", {covariance, weights});
  const Value scaled = graph.Node("Mul", {product, RowConstant(graph, scale.values)});
  answer.prediction = graph.Node("Add", {scaled, RowConstant(graph, mean.values)});
  scope.Describe(StrCat(rows.rows(), " rows"));
  return answer;
}

// ---- GaussianProcessClassifier

// The inverse of a lower triangle with its columns multiplied, in place.
void InvertTriangle(Reals& triangle, std::span<const double> columns) {
  const auto n = static_cast<size_t>(triangle.rows());
  std::vector<double>& l = triangle.values;
  std::vector<double> out(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    double* row = &out[i * n];
    row[i] = 1;
    for (size_t k = 0; k < i; ++k) {
      const double factor = l[i * n + k];
      if (factor == 0) continue;
      for (size_t j = 0; j <= k; ++j) row[j] -= factor * out[k * n + j];
    }
    for (size_t j = 0; j <= i; ++j) row[j] /= l[i * n + i];
  }
  for (size_t i = 0; i < n * n; ++i) out[i] *= columns[i % n];
  l = std::move(out);
}

// The mean of the logistic function of a normal variable, by five error functions, [batch, 1].
Value MeanLogistic(GraphBuilder& graph, const Value& mean, const Value& variance) {
  constexpr std::array kScales = {0.41, 0.4, 0.37, 0.44, 0.39};
  constexpr std::array kWeights = {-1854.8214151, 3516.89893646, 221.29346712, 128.12323805,
                                   -2010.49422654};
  std::vector<double> squares;
  double sum = 0;
  squares.reserve(kScales.size());
  for (const double scale : kScales) squares.push_back(scale * scale);
  for (const double weight : kWeights) sum += weight;
  const Value alpha = graph.Node("Reciprocal", {graph.Node("Mul", {variance, Constant(graph, 2)})});
  const Value share =
      graph.Node("Div", {alpha, graph.Node("Add", {alpha, RowConstant(graph, squares)})});
  const Value gamma = graph.Node("Mul", {mean, RowConstant(graph, kScales)});
  const Value errors = Erf(graph, graph.Node("Mul", {gamma, graph.Node("Sqrt", {share})}));
  std::vector<double> halves;
  halves.reserve(kWeights.size());
  for (const double weight : kWeights) halves.push_back(weight / 2);
  const Value terms = graph.Node("Mul", {errors, RowConstant(graph, halves)});
  return graph.Node("Add", {SumOfRows(graph, terms), Constant(graph, sum / 2)});
}

Result<Answer> ConvertBinary(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, TrainingRows(record, input.width()));
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals labels, record.Numbers("y_train_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals shares, record.Numbers("pi_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals roots, record.Numbers("W_sr_"));
  SLIPWAY_ASSIGN_OR_RETURN(Reals triangle, record.Numbers("L_"));
  const auto count = static_cast<size_t>(rows.rows());
  if (labels.values.size() != count || shares.values.size() != count ||
      roots.values.size() != count || triangle.values.size() != count * count ||
      answer.classes() != 2) {
    return record.Damaged("y_train_, pi_, W_sr_, L_: do not fit the training data");
  }
  if (rows.rows() > kMaxClassifierRows) {
    return scope.Unsupported(record, StrCat("more than ", kMaxClassifierRows, " rows"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value covariance, ToTraining(scope, record, x, rows));
  std::vector<double> weights;
  weights.reserve(count);
  for (size_t i = 0; i < count; ++i) weights.push_back(labels.values[i] - shares.values[i]);
  const Value mean = graph.Node(
      "MatMul",
      {covariance, graph.Add(graph::DoubleConstant(weights, {rows.rows(), 1}), "weights")});
  InvertTriangle(triangle, roots.values);
  triangle.shape = {rows.rows(), rows.rows()};
  const Value v = graph.Node("MatMul", {covariance, Transposed(graph, triangle)});
  SLIPWAY_ASSIGN_OR_RETURN(const Record kernel, record.Child("kernel_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value own, Variance(scope, kernel, x));
  const Value variance = graph.Node("Sub", {own, SumOfRows(graph, graph.Node("Mul", {v, v}))});
  answer.code = IsAbove(graph, mean, 0);
  // scikit-learn takes the root of the variance, which some kernels make negative.
  const Value sound = graph.Node("Greater", {variance, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value nan = Constant(graph, std::numeric_limits<double>::quiet_NaN());
  const Value logistic = graph.Node("Where", {sound, MeanLogistic(graph, mean, variance), nan}, {},
                                    ElementType::kDouble);
  answer.probabilities = WithComplement(graph, logistic);
  answer.may_be_nan = true;
  scope.Describe(StrCat(rows.rows(), " rows"));
  return answer;
}

// A classifier of two classes, or several of those, one against the rest.
Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* inner, record.Get("base_estimator_"));
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer,
                           Convert(scope, *inner, record.PlaceOf("base_estimator_"), input));
  if (!answer.labels) return record.Damaged("base_estimator_: is no classifier");
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  if (labels.size() != answer.classes()) return record.Damaged("classes_: do not fit");
  answer.labels = std::move(labels);
  return answer;
}

constexpr std::string_view kPackage = "sklearn.gaussian_process";

constexpr Estimator kEstimators[] = {
    {kPackage, "GaussianProcessRegressor", ConvertRegressor},
    {kPackage, "GaussianProcessClassifier", ConvertClassifier},
    {kPackage, "_BinaryGaussianProcessClassifierLaplace", ConvertBinary},
};

}  // namespace

std::span<const Estimator> GaussianProcessEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

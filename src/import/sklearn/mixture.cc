#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Mixtures of normal distributions: which component a row belongs to. Source: scikit-learn 1.9,
// sklearn/mixture/_gaussian_mixture.py, _bayesian_mixture.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr int64_t kMaxComponents = 10'000;

// The derivative of log(gamma(x)) for x > 0: steps up to where the asymptotic series holds.
double Digamma(double x) {
  if (!(x > 0)) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  while (x < 10) {
    sum -= 1 / x;
    ++x;
  }
  const double r = 1 / (x * x);
  const double series =
      r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132)))));
  return sum + std::log(x) - 0.5 / x - series;
}

enum class Covariance : uint8_t { kFull, kTied, kDiagonal, kSpherical };

struct Mixture {
  Covariance covariance = Covariance::kFull;
  Reals means;       // [components, columns]
  Reals precisions;  // Cholesky factors
  int64_t components() const { return means.rows(); }
  int64_t width() const { return means.columns(); }
};

Result<Mixture> ReadMixture(Scope& scope, const Record& record, int64_t width) {
  Mixture out;
  const std::string type = record.TextOr("covariance_type", "full");
  if (type == "tied") {
    out.covariance = Covariance::kTied;
  } else if (type == "diag") {
    out.covariance = Covariance::kDiagonal;
  } else if (type == "spherical") {
    out.covariance = Covariance::kSpherical;
  } else if (type != "full") {
    return scope.Unsupported(record, StrCat("covariance_type '", type, "' is not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(out.means, record.Numbers("means_"));
  SLIPWAY_ASSIGN_OR_RETURN(out.precisions, record.Numbers("precisions_cholesky_"));
  if (out.means.shape.size() != 2 || out.means.rows() == 0 || out.width() != width) {
    return record.Damaged(StrCat("means_: expected rows of ", width, " numbers"));
  }
  if (out.components() > kMaxComponents) {
    return scope.Unsupported(record, StrCat("more than ", kMaxComponents, " components"));
  }
  const auto components = static_cast<size_t>(out.components());
  const auto columns = static_cast<size_t>(width);
  size_t expected = components;
  if (out.covariance == Covariance::kFull) expected = components * columns * columns;
  if (out.covariance == Covariance::kTied) expected = columns * columns;
  if (out.covariance == Covariance::kDiagonal) expected = components * columns;
  if (out.precisions.values.size() != expected) {
    return record.Damaged(StrCat("precisions_cholesky_: expected ", expected, " numbers"));
  }
  return out;
}

// The Cholesky factor of component k, which all share when they are tied.
std::span<const double> FactorOf(const Mixture& mixture, int64_t k) {
  const auto size = static_cast<size_t>(mixture.width() * mixture.width());
  const bool tied = mixture.covariance == Covariance::kTied;
  return std::span(mixture.precisions.values)
      .subspan(tied ? 0 : static_cast<size_t>(k) * size, size);
}

Value FactorConstant(GraphBuilder& graph, const Mixture& mixture, int64_t k) {
  return graph.Add(graph::DoubleConstant(FactorOf(mixture, k), {mixture.width(), mixture.width()}),
                   "factor");
}

// The logarithm of how likely rows are in component k, without what is equal for all rows,
// [batch, 1], and that.
struct Likelihood {
  Value of_row;
  double constant = 0;
};

Likelihood ComponentLikelihood(GraphBuilder& graph, const Value& x, const Mixture& mixture,
                               int64_t k, const Value& tied) {
  const auto width = static_cast<size_t>(mixture.width());
  const std::span<const double> precisions = mixture.precisions.values;
  const Value centered = graph.Node("Sub", {x, RowConstant(graph, mixture.means.row(k))});
  Likelihood out;
  Value y;
  if (mixture.covariance == Covariance::kFull || mixture.covariance == Covariance::kTied) {
    const std::span<const double> factor = FactorOf(mixture, k);
    for (size_t i = 0; i < width; ++i) out.constant += std::log(factor[i * width + i]);
    const bool is_tied = mixture.covariance == Covariance::kTied;
    y = graph.Node("MatMul", {centered, is_tied ? tied : FactorConstant(graph, mixture, k)});
  } else {
    const bool spherical = mixture.covariance == Covariance::kSpherical;
    const auto at = static_cast<size_t>(k);
    std::vector<double> row(width, precisions[spherical ? at : at * width]);
    for (size_t i = 0; i < width && !spherical; ++i) row[i] = precisions[at * width + i];
    for (const double precision : row) out.constant += std::log(precision);
    y = graph.Node("Mul", {centered, RowConstant(graph, row)});
  }
  out.constant -= 0.5 * static_cast<double>(width) * std::log(2 * std::numbers::pi);
  out.of_row =
      graph.Node("Mul", {SumOfRows(graph, graph.Node("Mul", {y, y})), Constant(graph, -0.5)});
  return out;
}

Result<Answer> FromLikelihoods(Scope& scope, const Record& record, const Frame& input,
                               const std::vector<double>& logarithms, const Mixture& mixture) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  std::vector<Value> columns;
  Answer answer;
  answer.labels = Labels();
  Value tied;
  if (mixture.covariance == Covariance::kTied) tied = FactorConstant(graph, mixture, 0);
  for (int64_t k = 0; k < mixture.components(); ++k) {
    const Likelihood likelihood = ComponentLikelihood(graph, x, mixture, k, tied);
    const double constant = likelihood.constant + logarithms[static_cast<size_t>(k)];
    columns.push_back(graph.Node("Add", {likelihood.of_row, Constant(graph, constant)}));
    answer.labels->integers.push_back(k);
  }
  const Value all = graph.Concat(std::move(columns));
  answer.code = FirstMaximum(graph, all);
  answer.probabilities = Softmax(graph, all);
  return answer;
}

Result<Answer> ConvertGaussian(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Mixture mixture, ReadMixture(scope, record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("weights_"));
  if (static_cast<int64_t>(weights.values.size()) != mixture.components()) {
    return record.Damaged("weights_: do not fit the components");
  }
  std::vector<double> logarithms;
  logarithms.reserve(weights.values.size());
  for (const double weight : weights.values) logarithms.push_back(std::log(weight));
  return FromLikelihoods(scope, record, input, logarithms, mixture);
}

// The expected logarithm of each component's weight.
Result<std::vector<double>> ExpectedWeights(const Record& record, size_t components) {
  const pickle::Value* found = record.Find("weight_concentration_");
  std::vector<double> out;
  if (found != nullptr && found->Is(pickle::Value::Kind::kTuple)) {  // a Dirichlet process
    std::vector<Reals> beta;
    for (const pickle::Value& item : found->node().items) {
      auto read = ReadReals(item, record.budget());
      if (!read.ok()) return record.At("weight_concentration_", read.status());
      beta.push_back(*std::move(read));
    }
    if (beta.size() != 2 || beta[0].values.size() != components ||
        beta[1].values.size() != components) {
      return record.Damaged("weight_concentration_: does not fit the components");
    }
    double rest = 0;
    for (size_t k = 0; k < components; ++k) {
      const double sum = Digamma(beta[0].values[k] + beta[1].values[k]);
      out.push_back(Digamma(beta[0].values[k]) - sum + rest);
      rest += Digamma(beta[1].values[k]) - sum;
    }
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("weight_concentration_"));
  if (weights.values.size() != components) {
    return record.Damaged("weight_concentration_: does not fit the components");
  }
  double sum = 0;
  for (const double weight : weights.values) sum += weight;
  for (const double weight : weights.values) out.push_back(Digamma(weight) - Digamma(sum));
  return out;
}

Result<Answer> ConvertBayesian(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Mixture mixture, ReadMixture(scope, record, input.width()));
  const auto components = static_cast<size_t>(mixture.components());
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<double> logarithms, ExpectedWeights(record, components));
  SLIPWAY_ASSIGN_OR_RETURN(Reals degrees, record.Numbers("degrees_of_freedom_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals precision, record.Numbers("mean_precision_"));
  if (degrees.values.size() == 1) degrees.values.resize(components, degrees.values.front());
  if (degrees.values.size() != components || precision.values.size() != components) {
    return record.Damaged("degrees_of_freedom_, mean_precision_: do not fit the components");
  }
  const auto width = static_cast<double>(mixture.width());
  for (size_t k = 0; k < components; ++k) {
    double lambda = width * std::numbers::ln2;
    for (int64_t i = 0; i < mixture.width(); ++i) {
      lambda += Digamma(0.5 * (degrees.values[k] - static_cast<double>(i)));
    }
    logarithms[k] +=
        0.5 * (lambda - width / precision.values[k]) - 0.5 * width * std::log(degrees.values[k]);
  }
  return FromLikelihoods(scope, record, input, logarithms, mixture);
}

constexpr Estimator kEstimators[] = {
    {"sklearn.mixture", "GaussianMixture", ConvertGaussian},
    {"sklearn.mixture", "BayesianGaussianMixture", ConvertBayesian},
};

}  // namespace

std::span<const Estimator> MixtureEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

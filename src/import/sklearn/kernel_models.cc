#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/pairwise_kernels.h"

// Ridge regression, principal components and other columns in the space of a kernel. Source:
// scikit-learn 1.9, sklearn/kernel_ridge.py, sklearn/decomposition/_kernel_pca.py,
// sklearn/preprocessing/_data.py (KernelCenterer), sklearn/kernel_approximation.py (Nystroem).
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// What the rows are to the training data, [batch, rows].
struct Kernel {
  Value value;
  int64_t rows = 0;
};

Result<Kernel> ToTraining(Scope& scope, const Record& record, const Frame& input) {
  if (record.Is("kernel", "precomputed")) {
    return scope.Unsupported(record, "kernel 'precomputed' takes no columns, and is not supported");
  }
  const pickle::Value* fitted = record.Find("X_fit_");
  if (fitted == nullptr || !pickle::IsArray(*fitted)) {
    return scope.Unsupported(record, "training data that is sparse, or not in the file");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, record.Numbers("X_fit_"));
  if (rows.shape.size() != 2 || rows.rows() == 0 || rows.columns() != input.width()) {
    return record.Damaged(StrCat("X_fit_: expected rows of ", input.width(), " numbers"));
  }
  Kernel out{.value = {}, .rows = rows.rows()};
  SLIPWAY_ASSIGN_OR_RETURN(out.value, PairwiseKernel(scope, record, x, rows));
  scope.Describe(StrCat(rows.rows(), " rows"));
  return out;
}

Result<Answer> ConvertRidge(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Kernel kernel, ToTraining(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("dual_coef_"));
  Answer answer;
  answer.targets = weights.shape.size() < 2 ? 1 : weights.columns();
  if (weights.shape.empty() || weights.rows() != kernel.rows || answer.targets < 1) {
    return record.Damaged("dual_coef_: of other rows");
  }
  const Value table = scope.graph.Add(
      graph::DoubleConstant(weights.values, {kernel.rows, answer.targets}), "weights");
  answer.prediction = scope.graph.Node("MatMul", {kernel.value, table});
  return answer;
}

// The kernel less its mean over the training data, and over the row, and both.
Result<Value> Centered(Scope& scope, const Record& record, const Kernel& kernel) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Record centerer, record.Child("_centerer"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals means, centerer.Numbers("K_fit_rows_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double mean, centerer.Number("K_fit_all_"));
  if (static_cast<int64_t>(means.values.size()) != kernel.rows) {
    return centerer.Damaged("K_fit_rows_: of other rows");
  }
  const Value own = graph.Node(
      "Div", {SumOfRows(graph, kernel.value), Constant(graph, static_cast<double>(kernel.rows))});
  const Value less = graph.Node("Sub", {kernel.value, RowConstant(graph, means.values)});
  return graph.Node("Add", {graph.Node("Sub", {less, own}), Constant(graph, mean)});
}

Result<Answer> ConvertComponents(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Kernel kernel, ToTraining(scope, record, input));
  const bool old = record.Has("lambdas_");  // up to scikit-learn 1.1
  SLIPWAY_ASSIGN_OR_RETURN(const Reals values, record.Numbers(old ? "lambdas_" : "eigenvalues_"));
  SLIPWAY_ASSIGN_OR_RETURN(Reals vectors, record.Numbers(old ? "alphas_" : "eigenvectors_"));
  const auto count = static_cast<int64_t>(values.values.size());
  if (vectors.shape.size() != 2 || vectors.rows() != kernel.rows || vectors.columns() != count ||
      count == 0) {
    return record.Damaged("eigenvalues_, eigenvectors_: do not fit each other");
  }
  // A component of no size answers zeros.
  for (size_t i = 0; i < vectors.values.size(); ++i) {
    const double value = values.values[i % values.values.size()];
    vectors.values[i] = value == 0 ? 0 : vectors.values[i] / std::sqrt(value);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value centered, Centered(scope, record, kernel));
  const Value table =
      scope.graph.Add(graph::DoubleConstant(vectors.values, {kernel.rows, count}), "components");
  return Answer::Output(Frame::Of(scope.graph.Node("MatMul", {centered, table}), count));
}

// What the rows are to some of the training data, turned so that products are close to the kernel.
Result<Answer> ConvertNystroem(Scope& scope, const Record& record, const Frame& input) {
  constexpr double kGammaOfChi2 = 1;
  const pickle::Value* given = record.Find("kernel_params");
  const bool has_params = record.Has("kernel_params") &&
                          !(given->Is(pickle::Value::Kind::kDict) && given->node().items.empty());
  if (has_params) return scope.Unsupported(record, "kernel_params are not supported");
  const pickle::Value* fitted = record.Find("components_");
  if (fitted == nullptr || !pickle::IsArray(*fitted)) {
    return scope.Unsupported(record, "training data that is sparse, or not in the file");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rows, record.Numbers("components_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals turn, record.Numbers("normalization_"));
  if (rows.shape.size() != 2 || rows.rows() == 0 || rows.columns() != input.width() ||
      turn.shape.size() != 2 || turn.rows() != rows.rows() || turn.columns() != rows.rows()) {
    return record.Damaged("components_, normalization_: do not fit each other or the columns");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value kernel,
                           PairwiseKernel(scope, record, x, rows, kGammaOfChi2));
  const Value y = scope.graph.Node("MatMul", {kernel, Transposed(scope.graph, turn)});
  return Answer::Output(Frame::Of(y, rows.rows()));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.kernel_ridge", "KernelRidge", ConvertRidge},
    {"sklearn.decomposition", "KernelPCA", ConvertComponents},
    {"sklearn.kernel_approximation", "Nystroem", ConvertNystroem},
};

}  // namespace

std::span<const Estimator> KernelEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

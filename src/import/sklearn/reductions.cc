#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Fewer columns: factors, random projections, and groups of columns. Source: scikit-learn 1.9,
// sklearn/decomposition/_factor_analysis.py, sklearn/random_projection.py,
// sklearn/cluster/_feature_agglomeration.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// ---- FactorAnalysis

// The inverse of a symmetric positive definite matrix of `size` rows, by Gauss and Jordan; false
// where it is none.
bool Invert(size_t size, std::vector<double>& matrix) {
  for (size_t k = 0; k < size; ++k) {
    const double pivot = matrix[k * size + k];
    if (!(pivot > 0)) return false;
    matrix[k * size + k] = 1;
    for (size_t j = 0; j < size; ++j) matrix[k * size + j] /= pivot;
    for (size_t i = 0; i < size; ++i) {
      if (i == k) continue;
      const double factor = matrix[i * size + k];
      matrix[i * size + k] = 0;
      for (size_t j = 0; j < size; ++j) matrix[i * size + j] -= factor * matrix[k * size + j];
    }
  }
  return true;
}

// The inverse of I + weighted components^T, [components, components].
Result<std::vector<double>> FactorCovariance(const Record& record, const Reals& weighted,
                                             const Reals& components) {
  const auto count = static_cast<size_t>(components.rows());
  std::vector<double> matrix(count * count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < count; ++j) {
      double sum = i == j ? 1 : 0;
      const auto a = weighted.row(static_cast<int64_t>(i));
      const auto b = components.row(static_cast<int64_t>(j));
      for (size_t c = 0; c < a.size(); ++c) sum += a[c] * b[c];
      matrix[i * count + j] = sum;
    }
  }
  if (!Invert(count, matrix)) return record.Damaged("components_, noise_variance_: no covariance");
  return matrix;
}

Result<Answer> ConvertFactors(Scope& scope, const Record& record, const Frame& input) {
  constexpr double kMostSteps = 1e9;  // of the product and its inverse
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals components, record.Numbers("components_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals noise, record.Numbers("noise_variance_"));
  const int64_t count = components.rows();
  if (components.shape.size() != 2 || count < 1 || components.columns() != input.width() ||
      static_cast<int64_t>(noise.values.size()) != input.width()) {
    return record.Damaged(
        StrCat("components_, noise_variance_: expected ", input.width(), " columns"));
  }
  const auto size = static_cast<double>(count);
  if (size * size * (size + static_cast<double>(input.width())) > kMostSteps) {
    return scope.Unsupported(record, StrCat(count, " factors are too many"));
  }
  Reals weighted = components;
  for (size_t i = 0; i < weighted.values.size(); ++i) {
    weighted.values[i] /= noise.values[i % noise.values.size()];
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> covariance,
                           FactorCovariance(record, weighted, components));
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(graph, record, "Sub", "mean_", input.width(), x));
  const Value product = graph.Node("MatMul", {x, Transposed(graph, weighted)});
  const Value table = graph.Add(graph::DoubleConstant(covariance, {count, count}), "covariance");
  return Answer::Output(Frame::Of(graph.Node("MatMul", {product, table}), count));
}

// ---- SparseRandomProjection

// A matrix that the file holds row by row without its zeros.
Result<Reals> ReadSparse(Scope& scope, const Record& record, std::string_view attribute,
                         int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record sparse, record.Child(attribute));
  if (!sparse.name().starts_with("csr_")) {
    return scope.Unsupported(sparse, "a sparse matrix that is not stored by rows");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Reals numbers, sparse.Numbers("data"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> columns, sparse.Integers("indices"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> ends, sparse.Integers("indptr"));
  const auto rows = static_cast<int64_t>(ends.size()) - 1;
  if (rows < 1 || width < 1 || columns.size() != numbers.values.size() || ends.front() != 0 ||
      ends.back() != static_cast<int64_t>(columns.size())) {
    return sparse.Damaged("data, indices, indptr: do not fit each other");
  }
  if (static_cast<uint64_t>(rows) > record.budget().elements_left / static_cast<uint64_t>(width)) {
    return base::ResourceExhausted("a sparse matrix that is too large when its zeros are written");
  }
  record.budget().elements_left -= static_cast<uint64_t>(rows * width);
  Reals out{.shape = {rows, width},
            .values = std::vector<double>(static_cast<size_t>(rows * width))};
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t begin = ends[static_cast<size_t>(row)];
    const int64_t end = ends[static_cast<size_t>(row + 1)];
    if (begin > end || end > ends.back()) return sparse.Damaged("indptr: not in order");
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      if (columns[i] < 0 || columns[i] >= width) return sparse.Damaged("indices: no column");
      out.values[static_cast<size_t>(row * width + columns[i])] += numbers.values[i];
    }
  }
  return out;
}

Result<Answer> ConvertSparseProjection(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const pickle::Value* stored = record.Find("components_");
  const bool dense = stored != nullptr && pickle::IsArray(*stored);
  SLIPWAY_ASSIGN_OR_RETURN(const Reals components,
                           dense ? record.Numbers("components_")
                                 : ReadSparse(scope, record, "components_", input.width()));
  if (components.shape.size() != 2 || components.columns() != input.width()) {
    return record.Damaged(StrCat("components_: expected rows of ", input.width(), " numbers"));
  }
  const Value y = scope.graph.Node("MatMul", {x, Transposed(scope.graph, components)});
  return Answer::Output(Frame::Of(y, components.rows()));
}

// ---- FeatureAgglomeration

// The columns of each group, in their order.
Result<std::vector<std::vector<int64_t>>> ReadGroups(const Record& record, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> labels, record.Integers("labels_"));
  if (static_cast<int64_t>(labels.size()) != width) {
    return record.Damaged(StrCat("labels_: expected ", width, " numbers"));
  }
  std::vector<std::vector<int64_t>> groups;
  for (int64_t column = 0; column < width; ++column) {
    const int64_t label = labels[static_cast<size_t>(column)];
    if (label < 0 || label >= width) return record.Damaged("labels_: no group");
    if (static_cast<size_t>(label) >= groups.size()) groups.resize(static_cast<size_t>(label) + 1);
    groups[static_cast<size_t>(label)].push_back(column);
  }
  if (groups.empty()) return record.Damaged("labels_: no groups");
  for (const auto& group : groups) {
    if (group.empty()) return record.Damaged("labels_: a group without columns");
  }
  return groups;
}

// The operator that a pooling function applies, one column after the other.
Result<std::string_view> PoolingOperator(Scope& scope, const Record& record) {
  const pickle::Value* function = record.Find("pooling_func");
  if (function != nullptr && function->Is(pickle::Value::Kind::kGlobal) &&
      IsPoolingFunction(function->node().text, function->node().name)) {
    const std::string_view name = function->node().name;
    if (name == "mean") return std::string_view("Add");
    return std::string_view(name.ends_with("max") ? "Max" : "Min");
  }
  return scope.Unsupported(record, "pooling_func: only numpy's mean, max and min are supported");
}

Result<Answer> ConvertGroups(Scope& scope, const Record& record, const Frame& input) {
  constexpr int64_t kMaxColumns = 10'000;  // each takes two nodes
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const auto groups, ReadGroups(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view op, PoolingOperator(scope, record));
  if (input.width() > kMaxColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxColumns, " columns"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  std::vector<Value> columns;
  std::vector<double> sizes;
  for (const std::vector<int64_t>& group : groups) {
    Value pooled = graph.Columns(x, std::span(group).first(1));
    for (size_t i = 1; i < group.size(); ++i) {
      pooled = graph.Node(op, {pooled, graph.Columns(x, std::span(group).subspan(i, 1))});
    }
    columns.push_back(std::move(pooled));
    sizes.push_back(static_cast<double>(group.size()));
  }
  Value y = graph.Concat(std::move(columns));
  if (op == "Add") y = graph.Node("Div", {y, RowConstant(graph, sizes)});
  return Answer::Output(Frame::Of(y, static_cast<int64_t>(groups.size())));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.decomposition", "FactorAnalysis", ConvertFactors},
    {"sklearn.random_projection", "SparseRandomProjection", ConvertSparseProjection},
    {"sklearn.cluster", "FeatureAgglomeration", ConvertGroups},
};

}  // namespace

std::span<const Estimator> ReductionEstimators() { return kEstimators; }

bool IsPoolingFunction(std::string_view module, std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"mean", "max", "amax", "min", "amin"};
  return module == "numpy" && std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace slipway::import::sklearn

#include "import/sklearn/pairwise_kernels.h"

#include <cmath>
#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

Value Inner(GraphBuilder& graph, const Value& x, const Reals& rows) {
  return graph.Node("MatMul", {x, Transposed(graph, rows)});
}

Value Exponential(GraphBuilder& graph, const Value& distance, double gamma) {
  return graph.Node("Exp", {graph.Node("Mul", {distance, Constant(graph, -gamma)})});
}

// Rows divided by their length; one of zeros stays as it is.
Value Cosine(GraphBuilder& graph, const Value& x, Reals rows) {
  const auto width = static_cast<size_t>(rows.columns());
  for (size_t first = 0; first < rows.values.size(); first += width) {
    double sum = 0;
    for (size_t i = 0; i < width; ++i) sum += rows.values[first + i] * rows.values[first + i];
    const double length = sum == 0 ? 1 : std::sqrt(sum);
    for (size_t i = 0; i < width; ++i) rows.values[first + i] /= length;
  }
  const Value length = graph.Node("Sqrt", {SumOfRows(graph, graph.Node("Mul", {x, x}))});
  const Value none = graph.Node("Equal", {length, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value divisor =
      graph.Node("Where", {none, Constant(graph, 1), length}, {}, ElementType::kDouble);
  return Inner(graph, graph.Node("Div", {x, divisor}), rows);
}

bool UsesDistance(std::string_view kernel) {
  return kernel == "rbf" || kernel == "laplacian" || kernel == "chi2" || kernel == "additive_chi2";
}

}  // namespace

Result<Value> PairwiseKernel(Scope& scope, const Record& record, const Value& x, const Reals& rows,
                             std::optional<double> gamma_of_chi2) {
  GraphBuilder& graph = scope.graph;
  const std::string kernel = record.TextOr("kernel", "a function");
  const std::string_view of_gamma = record.Has("gamma_") ? "gamma_" : "gamma";
  // The chi-squared kernel has another default of its own, which a gamma of None does not reach.
  if (kernel == "chi2" && !record.Has(of_gamma) && !gamma_of_chi2) {
    return scope.Unsupported(record, "kernel 'chi2' without a gamma");
  }
  SLIPWAY_ASSIGN_OR_RETURN(
      const double gamma,
      record.NumberOr(of_gamma, kernel == "chi2" && gamma_of_chi2
                                    ? *gamma_of_chi2
                                    : 1.0 / static_cast<double>(rows.columns())));
  SLIPWAY_ASSIGN_OR_RETURN(const double degree, record.NumberOr("degree", 3));
  SLIPWAY_ASSIGN_OR_RETURN(const double offset, record.NumberOr("coef0", 1));
  if (UsesDistance(kernel) && rows.columns() > kMaxDistanceColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  const auto scaled = [&] {
    const Value product = graph.Node("Mul", {Inner(graph, x, rows), Constant(graph, gamma)});
    return graph.Node("Add", {product, Constant(graph, offset)});
  };
  if (kernel == "linear") return Inner(graph, x, rows);
  if (kernel == "poly" || kernel == "polynomial") {
    return graph.Node("Pow", {scaled(), Constant(graph, degree)});
  }
  if (kernel == "sigmoid") return graph.Node("Tanh", {scaled()});
  if (kernel == "cosine") return Cosine(graph, x, rows);
  if (kernel == "rbf") return Exponential(graph, SquaredDistances(graph, x, rows), gamma);
  if (kernel == "laplacian") return Exponential(graph, ManhattanDistances(graph, x, rows), gamma);
  if (kernel == "chi2") return Exponential(graph, ChiSquaredDistances(graph, x, rows), gamma);
  if (kernel == "additive_chi2") return graph.Node("Neg", {ChiSquaredDistances(graph, x, rows)});
  return scope.Unsupported(record,
                           StrCat("kernel '", base::Printable(kernel), "' is not supported"));
}

}  // namespace slipway::import::sklearn

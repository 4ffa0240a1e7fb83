#include "import/sklearn/covariance_functions.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/special_functions.h"

// Source: scikit-learn 1.9, sklearn/gaussian_process/kernels.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr int kMaxDepth = 100;

// Kernels may share others, so that a small file could stand for more than any machine holds.
base::Status Charge(Budget& budget, uint64_t elements) {
  if (budget.estimators_left == 0 || elements > budget.elements_left) {
    return base::ResourceExhausted("the model uses the same kernels over and over");
  }
  --budget.estimators_left;
  budget.elements_left -= elements;
  return base::OkStatus();
}

struct Data {
  Value x;
  const Reals* rows = nullptr;  // none: the variance of x
};

Result<Value> Evaluate(Scope& scope, const Record& kernel, const Data& data, int depth);

// Squared distances after each column is divided by its length.
Result<Value> Squares(Scope& scope, const Record& kernel, const Data& data, const Reals& lengths) {
  const auto width = static_cast<size_t>(data.rows->columns());
  if (lengths.values.size() != 1 && lengths.values.size() != width) {
    return kernel.Damaged(StrCat("length_scale: expected one number, or ", width));
  }
  if (data.rows->columns() > kMaxDistanceColumns) {
    return scope.Unsupported(kernel, StrCat("more than ", kMaxDistanceColumns, " columns"));
  }
  Reals rows = *data.rows;
  for (size_t i = 0; i < rows.values.size(); ++i) {
    rows.values[i] /= lengths.values[lengths.values.size() == 1 ? 0 : i % width];
  }
  const Value x = scope.graph.Node("Div", {data.x, RowConstant(scope.graph, lengths.values)});
  return SquaredDistances(scope.graph, x, rows);
}

Value Exponential(GraphBuilder& graph, const Value& x, double factor) {
  return graph.Node("Exp", {graph.Node("Mul", {x, Constant(graph, factor)})});
}

// The coefficients of the polynomial that Matern's kernel of nu = degree + 1/2 has, from the
// highest power of k down: degree! / (2 degree)! times the sum of (degree + i)! / (i! (degree -
// i)!) (2k)^(degree - i). Source: Rasmussen and Williams, equation 4.16.
std::vector<double> MaternCoefficients(int degree) {
  std::vector<double> out = {1};
  for (int power = 0; power < degree; ++power) {
    // The coefficient of k^(power + 1) from that of k^power.
    out.push_back(out.back() * 2 * (degree - power) /
                  (static_cast<double>(2 * degree - power) * (power + 1)));
  }
  std::ranges::reverse(out);
  return out;
}

// exp(-k) times a polynomial of k = d sqrt(2 nu), for the nu of which that is exact: halves of odd
// numbers. Any other nu takes a Bessel function, which a graph does not have.
Result<Value> Matern(Scope& scope, const Record& kernel, const Value& squares) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const double nu, kernel.NumberOr("nu", 1.5));
  if (std::isinf(nu)) return Exponential(graph, squares, -0.5);
  const Value distance = graph.Node("Sqrt", {squares});
  constexpr int kMaxDegree = 20;
  const double degree = nu - 0.5;
  if (degree != std::floor(degree) || degree < 0 || degree > kMaxDegree) {
    return scope.Unsupported(kernel, StrCat("nu=", nu, ": only 0.5, 1.5, ..., ", kMaxDegree,
                                            ".5 and inf are supported"));
  }
  // Far beyond where exp(-k) is zero, so that no power of k is infinite.
  constexpr double kFar = 1e4;
  const Value scaled = graph.Node("Mul", {distance, Constant(graph, std::sqrt(2 * nu))});
  const Value k = graph.Node("Min", {scaled, Constant(graph, kFar)});
  const Value sum = Polynomial(graph, k, MaternCoefficients(static_cast<int>(degree)));
  return graph.Node("Mul", {sum, Exponential(graph, k, -1)});
}

// Kernels of the distance, which are 1 at none.
Result<Value> Stationary(Scope& scope, const Record& kernel, const Data& data) {
  GraphBuilder& graph = scope.graph;
  if (data.rows == nullptr) return Constant(graph, 1);
  SLIPWAY_ASSIGN_OR_RETURN(const Reals lengths, kernel.Numbers("length_scale"));
  const bool scaled = kernel.name() == "RBF" || kernel.name() == "Matern";
  const Reals one{.shape = {}, .values = {1}};
  SLIPWAY_ASSIGN_OR_RETURN(const Value squares,
                           Squares(scope, kernel, data, scaled ? lengths : one));
  if (kernel.name() == "RBF") return Exponential(graph, squares, -0.5);
  if (kernel.name() == "Matern") return Matern(scope, kernel, squares);
  if (lengths.values.size() != 1) return kernel.Damaged("length_scale: expected one number");
  const double length = lengths.values.front();
  if (kernel.name() == "RationalQuadratic") {
    SLIPWAY_ASSIGN_OR_RETURN(const double alpha, kernel.Number("alpha"));
    const Value part = graph.Node("Div", {squares, Constant(graph, 2 * alpha * length * length)});
    return graph.Node("Pow",
                      {graph.Node("Add", {part, Constant(graph, 1)}), Constant(graph, -alpha)});
  }
  SLIPWAY_ASSIGN_OR_RETURN(const double period, kernel.Number("periodicity"));
  const Value angle = graph.Node(
      "Mul", {graph.Node("Sqrt", {squares}), Constant(graph, std::numbers::pi / period)});
  const Value wave = graph.Node("Div", {graph.Node("Sin", {angle}), Constant(graph, length)});
  return Exponential(graph, graph.Node("Mul", {wave, wave}), -2);
}

Result<Value> DotProduct(Scope& scope, const Record& kernel, const Data& data) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const double sigma, kernel.Number("sigma_0"));
  const Value product = data.rows == nullptr
                            ? SumOfRows(graph, graph.Node("Mul", {data.x, data.x}))
                            : graph.Node("MatMul", {data.x, Transposed(graph, *data.rows)});
  return graph.Node("Add", {product, Constant(graph, sigma * sigma)});
}

Result<Value> Evaluate(Scope& scope, const Record& kernel, const Data& data, int depth) {
  GraphBuilder& graph = scope.graph;
  if (depth > kMaxDepth) return kernel.Damaged("kernels nested too deeply");
  SLIPWAY_RETURN_IF_ERROR(
      Charge(scope.budget, data.rows == nullptr ? 0 : data.rows->values.size()));
  if (!kernel.module().starts_with("sklearn.gaussian_process.kernels")) {
    return scope.Unsupported(kernel, "a kernel of this class is not supported");
  }
  const std::string_view name = kernel.name();
  if (name == "Sum" || name == "Product") {
    SLIPWAY_ASSIGN_OR_RETURN(const Record first, kernel.Child("k1"));
    SLIPWAY_ASSIGN_OR_RETURN(const Record second, kernel.Child("k2"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value a, Evaluate(scope, first, data, depth + 1));
    SLIPWAY_ASSIGN_OR_RETURN(const Value b, Evaluate(scope, second, data, depth + 1));
    return graph.Node(name == "Sum" ? "Add" : "Mul", {a, b});
  }
  if (name == "Exponentiation") {
    SLIPWAY_ASSIGN_OR_RETURN(const Record inner, kernel.Child("kernel"));
    SLIPWAY_ASSIGN_OR_RETURN(const double exponent, kernel.Number("exponent"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value base, Evaluate(scope, inner, data, depth + 1));
    return graph.Node("Pow", {base, Constant(graph, exponent)});
  }
  if (name == "ConstantKernel") {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, kernel.Number("constant_value"));
    return Constant(graph, value);
  }
  if (name == "WhiteKernel") {
    SLIPWAY_ASSIGN_OR_RETURN(const double noise, kernel.Number("noise_level"));
    return Constant(graph, data.rows == nullptr ? noise : 0);
  }
  if (name == "RBF" || name == "Matern" || name == "RationalQuadratic" ||
      name == "ExpSineSquared") {
    return Stationary(scope, kernel, data);
  }
  if (name == "DotProduct") return DotProduct(scope, kernel, data);
  return scope.Unsupported(kernel, StrCat("kernel ", base::Printable(name), " is not supported"));
}

}  // namespace

Result<Value> Covariance(Scope& scope, const Record& kernel, const Value& x, const Reals& rows) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value out, Evaluate(scope, kernel, {.x = x, .rows = &rows}, 0));
  // A constant alone has no rows yet.
  const std::vector<double> zeros(static_cast<size_t>(rows.rows()), 0.0);
  constexpr int64_t kFirst = 0;
  const Value column = graph.Columns(x, std::span(&kFirst, 1));
  const Value none = graph.Node("Mul", {column, RowConstant(graph, zeros)});
  return graph.Node("Add", {out, none});
}

Result<Value> Variance(Scope& scope, const Record& kernel, const Value& x) {
  return Evaluate(scope, kernel, {.x = x, .rows = nullptr}, 0);
}

}  // namespace slipway::import::sklearn

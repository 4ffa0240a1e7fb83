#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/categories.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/special_functions.h"

// Transformers that make new columns of numbers. Source: scikit-learn 1.9,
// sklearn/preprocessing/_polynomial.py, _discretization.py, _function_transformer.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Kind = pickle::Value::Kind;

// ---- PolynomialFeatures

constexpr size_t kMaxTerms = 1'000'000;

// The products of `degree` columns in lexicographic order: entry k lists the k-th factor of each.
// nullopt when there are more than kMaxTerms.
std::optional<std::vector<std::vector<int64_t>>> Products(int64_t width, int64_t degree,
                                                          bool interaction_only) {
  std::vector<std::vector<int64_t>> factors(static_cast<size_t>(degree));
  std::vector<int64_t> term(static_cast<size_t>(degree));
  for (int64_t i = 0; i < degree; ++i) term[static_cast<size_t>(i)] = interaction_only ? i : 0;
  if (interaction_only && degree > width) return factors;
  while (true) {
    for (size_t k = 0; k < term.size(); ++k) factors[k].push_back(term[k]);
    if (factors[0].size() * term.size() > kMaxTerms) return std::nullopt;
    // The last factor that can still grow, and those behind it at their smallest.
    int64_t k = degree - 1;
    while (k >= 0 &&
           term[static_cast<size_t>(k)] == (interaction_only ? width - degree + k : width - 1)) {
      --k;
    }
    if (k < 0) return factors;
    ++term[static_cast<size_t>(k)];
    for (int64_t j = k + 1; j < degree; ++j) {
      term[static_cast<size_t>(j)] = term[static_cast<size_t>(j - 1)] + (interaction_only ? 1 : 0);
    }
  }
}

Result<std::pair<int64_t, int64_t>> ReadDegrees(const Record& record) {
  if (record.Has("_max_degree")) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t least, record.IntegerOr("_min_degree", 0));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t most, record.Integer("_max_degree"));
    return std::pair(least, most);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t most, record.Integer("degree"));
  return std::pair(int64_t{0}, most);
}

Result<Answer> ConvertPolynomial(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const auto degrees, ReadDegrees(record));
  SLIPWAY_ASSIGN_OR_RETURN(const bool interaction_only, record.BoolOr("interaction_only", false));
  SLIPWAY_ASSIGN_OR_RETURN(const bool bias, record.BoolOr("include_bias", true));
  if (degrees.second < 0 || degrees.second > 100) return record.Damaged("degree: out of range");
  std::vector<Frame> parts;
  if (bias) {
    parts.push_back(Frame::Of(graph.Node("Add", {ZeroColumn(graph, x), Constant(graph, 1)}), 1));
  }
  for (int64_t degree = std::max<int64_t>(1, degrees.first); degree <= degrees.second; ++degree) {
    const auto factors = Products(input.width(), degree, interaction_only);
    if (!factors)
      return record.Damaged(StrCat("degree ", degree, ": more than ", kMaxTerms, " terms"));
    const auto count = static_cast<int64_t>(factors->front().size());
    if (count == 0) continue;
    // scikit-learn multiplies from the right: the first factor comes last.
    Value product = graph.Columns(x, factors->back());
    for (size_t k = factors->size() - 1; k-- > 0;) {
      product = graph.Node("Mul", {product, graph.Columns(x, (*factors)[k])});
    }
    parts.push_back(Frame::Of(product, count));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

// ---- KBinsDiscretizer

// Until 1.1 a number that is just below an edge went up.
bool HasTolerance(const Record& record) {
  const std::string version = record.TextOr("_sklearn_version", "");
  return version.starts_with("0.") || version.starts_with("1.0") || version.starts_with("1.1.");
}

Result<Answer> ConvertBins(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> edges, record.List("bin_edges_"));
  if (static_cast<int64_t>(edges.size()) != input.width()) {
    return record.Damaged(
        StrCat("bin_edges_: of ", edges.size(), " columns, but gets ", input.width()));
  }
  const bool ordinal = record.Is("encode", "ordinal");
  std::vector<Frame> parts;
  for (size_t i = 0; i < edges.size(); ++i) {
    auto read = ReadReals(edges[i], record.budget());
    if (!read.ok()) return record.At("bin_edges_", read.status());
    if (read->values.size() < 2) return record.Damaged("bin_edges_: expected two edges or more");
    const std::span<const double> inner =
        std::span<const double>(read->values).subspan(1, read->values.size() - 2);
    SLIPWAY_ASSIGN_OR_RETURN(Value x, scope.NumberColumn(record, input, static_cast<int64_t>(i)));
    if (HasTolerance(record)) {
      const Value relative = graph.Node("Mul", {graph.Node("Abs", {x}), Constant(graph, 1e-5)});
      x = graph.Node("Add", {x, graph.Node("Add", {relative, Constant(graph, 1e-8)})});
    }
    Value code;
    if (inner.empty()) {
      const Value never = graph.Node("Less", {x, x}, {}, ElementType::kBool);
      code = graph.Cast(never, ElementType::kInt64);
    } else {
      const Value above =
          graph.Node("GreaterOrEqual", {x, RowConstant(graph, inner)}, {}, ElementType::kBool);
      code = graph.Cast(SumOfRows(graph, graph.Cast(above, ElementType::kDouble)),
                        ElementType::kInt64);
    }
    const auto bins = static_cast<int64_t>(inner.size()) + 1;
    parts.push_back(ordinal ? Frame::Of(graph.Cast(code, ElementType::kDouble), 1)
                            : Frame::Of(OneHot(scope, code, bins), bins));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

// ---- FunctionTransformer

Value Square(GraphBuilder& graph, const Value& x) { return graph.Node("Mul", {x, x}); }

template <int Divisor>
Value LogOf(GraphBuilder& graph, const Value& x) {
  return graph.Node("Div", {graph.Node("Log", {x}), Constant(graph, std::log(Divisor))});
}

// (e^x - e^-x) / 2, from e^|x| - 1, which keeps small x.
Value Sinh(GraphBuilder& graph, const Value& x) {
  const Value one = Constant(graph, 1);
  const Value less = Expm1(graph, graph.Node("Abs", {x}));
  const Value rest = graph.Node("Reciprocal", {graph.Node("Add", {less, one})});
  const Value sum = graph.Node("Add", {less, graph.Node("Sub", {one, rest})});
  const Value half = graph.Node("Mul", {sum, Constant(graph, 0.5)});
  const Value small =
      graph.Node("Less", {graph.Node("Abs", {x}), Constant(graph, 1e-5)}, {}, ElementType::kBool);
  const Value result = graph.Node("Mul", {graph.Node("Sign", {x}), half});
  return graph.Node("Where", {small, x, result}, {}, ElementType::kDouble);
}

Value Cosh(GraphBuilder& graph, const Value& x) {
  const Value power = graph.Node("Exp", {x});
  const Value sum = graph.Node("Add", {power, graph.Node("Reciprocal", {power})});
  return graph.Node("Mul", {sum, Constant(graph, 0.5)});
}

Value Tan(GraphBuilder& graph, const Value& x) {
  return graph.Node("Div", {graph.Node("Sin", {x}), graph.Node("Cos", {x})});
}

// log(|x| + sqrt(x^2 + 1)), with the sign of x.
Value Arcsinh(GraphBuilder& graph, const Value& x) {
  const Value one = Constant(graph, 1);
  const Value size = graph.Node("Abs", {x});
  const Value large = graph.Node("Greater", {size, Constant(graph, 1e8)}, {}, ElementType::kBool);
  const Value square = graph.Node("Mul", {x, x});
  const Value root = graph.Node("Sqrt", {graph.Node("Add", {square, one})});
  const Value more = graph.Node("Div", {square, graph.Node("Add", {one, root})});
  const Value near = Log1p(graph, graph.Node("Add", {size, more}));
  const Value far =
      graph.Node("Add", {graph.Node("Log", {size}), Constant(graph, std::numbers::ln2)});
  const Value result = graph.Node("Where", {large, far, near}, {}, ElementType::kDouble);
  return graph.Node("Mul", {graph.Node("Sign", {x}), result});
}

Value Cbrt(GraphBuilder& graph, const Value& x) {
  const Value root = graph.Node("Pow", {graph.Node("Abs", {x}), Constant(graph, 1.0 / 3)});
  return graph.Node("Mul", {graph.Node("Sign", {x}), root});
}

Value Exp2(GraphBuilder& graph, const Value& x) {
  return graph.Node("Pow", {Constant(graph, 2), x});
}

// Towards zero.
Value Trunc(GraphBuilder& graph, const Value& x) {
  const Value whole = graph.Node("Floor", {graph.Node("Abs", {x})});
  return graph.Node("Mul", {graph.Node("Sign", {x}), whole});
}

Value Radians(GraphBuilder& graph, const Value& x) {
  return graph.Node("Mul", {x, Constant(graph, std::numbers::pi / 180)});
}

Value Degrees(GraphBuilder& graph, const Value& x) {
  return graph.Node("Mul", {x, Constant(graph, 180 / std::numbers::pi)});
}

Value IsMissing(GraphBuilder& graph, const Value& x) {
  return graph.Cast(graph.Node("IsNaN", {x}, {}, ElementType::kBool), ElementType::kDouble);
}

// NaN becomes 0, and what is infinite the largest number.
Value NanToNumber(GraphBuilder& graph, const Value& x) {
  constexpr double kMost = std::numeric_limits<double>::max();
  const Value missing = graph.Node("IsNaN", {x}, {}, ElementType::kBool);
  const Value number =
      graph.Node("Where", {missing, Constant(graph, 0), x}, {}, ElementType::kDouble);
  return graph.Node("Clip", {number, Constant(graph, -kMost), Constant(graph, kMost)});
}

struct Function {
  std::string_view name;
  std::string_view op;                                      // an operator of ONNX, or
  Value (*formula)(GraphBuilder&, const Value&) = nullptr;  // several
};

constexpr std::array<Function, 35> kFunctions = {{
    {"log", "Log"},
    {"exp", "Exp"},
    {"sqrt", "Sqrt"},
    {"abs", "Abs"},
    {"absolute", "Abs"},
    {"fabs", "Abs"},
    {"sin", "Sin"},
    {"cos", "Cos"},
    {"tanh", "Tanh"},
    {"negative", "Neg"},
    {"reciprocal", "Reciprocal"},
    {"sign", "Sign"},
    {"log1p", "", Log1p},
    {"expm1", "", Expm1},
    {"square", "", Square},
    {"log2", "", LogOf<2>},
    {"log10", "", LogOf<10>},
    {"floor", "Floor"},
    {"ceil", "Ceil"},
    {"rint", "Round"},
    {"positive", "Identity"},
    {"trunc", "", Trunc},
    {"fix", "", Trunc},
    {"exp2", "", Exp2},
    {"cbrt", "", Cbrt},
    {"sinh", "", Sinh},
    {"cosh", "", Cosh},
    {"tan", "", Tan},
    {"arcsinh", "", Arcsinh},
    {"radians", "", Radians},
    {"deg2rad", "", Radians},
    {"degrees", "", Degrees},
    {"rad2deg", "", Degrees},
    {"isnan", "", IsMissing},
    {"nan_to_num", "", NanToNumber},
}};

bool IsNumpy(std::string_view module) {
  return module == "numpy" || module == "numpy.core._multiarray_umath" ||
         module == "numpy._core._multiarray_umath";
}

// check_array(), bound to its options: it refuses or passes on.
bool IsCheck(const pickle::Value& func) {
  if (!pickle::IsCallOf(func, "functools", "partial")) return false;
  const std::vector<pickle::Value>& args = func.node().args.node().items;
  return !args.empty() && pickle::IsGlobal(args[0], "sklearn.utils.validation", "check_array");
}

Result<Answer> ConvertFunction(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Frame output, ApplyFunction(scope, record, "func", "kw_args", input));
  return Answer::Output(std::move(output));
}

constexpr std::string_view kPreprocessing = "sklearn.preprocessing";

constexpr Estimator kEstimators[] = {
    {kPreprocessing, "PolynomialFeatures", ConvertPolynomial},
    {kPreprocessing, "KBinsDiscretizer", ConvertBins},
    {kPreprocessing, "FunctionTransformer", ConvertFunction},
};

}  // namespace

std::span<const Estimator> FeatureEstimators() { return kEstimators; }

Result<Frame> ApplyFunction(Scope& scope, const Record& record, std::string_view function,
                            std::string_view arguments, const Frame& input) {
  if (!record.Has(function)) return input;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* func, record.Get(function));
  if (IsCheck(*func)) return input;
  const bool has_arguments = record.Has(arguments) && [&] {
    const pickle::Value* given = record.Find(arguments);
    return !given->Is(Kind::kDict) || !given->node().items.empty();
  }();
  if (!func->Is(Kind::kGlobal) || has_arguments) {
    return scope.Unsupported(record, "functions with arguments are not supported");
  }
  const auto found = std::ranges::find(kFunctions, func->node().name, &Function::name);
  if (!IsNumpy(func->node().text) || found == kFunctions.end()) {
    return scope.Unsupported(record,
                             StrCat("function ", base::Printable(func->node().text), ".",
                                    base::Printable(func->node().name), " is not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, input));
  const Value y =
      found->formula != nullptr ? found->formula(scope.graph, x) : scope.graph.Node(found->op, {x});
  return Frame::Of(y, input.width());
}

bool IsKnownFunction(std::string_view module, std::string_view name) {
  return IsNumpy(module) &&
         std::ranges::find(kFunctions, name, &Function::name) != kFunctions.end();
}

}  // namespace slipway::import::sklearn

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/special_functions.h"

// Transformers that give each column another distribution. Source: scikit-learn 1.9,
// sklearn/preprocessing/_data.py; SciPy 1.17, scipy/stats/_morestats.py, scipy/special/_boxcox.pxd.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

Value Where(GraphBuilder& graph, const Value& condition, const Value& yes, const Value& no) {
  return graph.Node("Where", {condition, yes, no}, {}, ElementType::kDouble);
}

Value Compare(GraphBuilder& graph, std::string_view op, const Value& x, const Value& y) {
  return graph.Node(op, {x, y}, {}, ElementType::kBool);
}

// ---- PowerTransformer

// (exp(power * log_x) - 1) / power, which is log_x itself for a power next to zero.
Value PowerOf(GraphBuilder& graph, const Value& log_x, std::span<const double> powers,
              double next_to_zero) {
  std::vector<double> factors(powers.begin(), powers.end());
  std::vector<double> is_zero;
  for (double& factor : factors) {
    is_zero.push_back(std::abs(factor) <= next_to_zero ? 1 : 0);
    if (is_zero.back() != 0) factor = 1;
  }
  const Value row = RowConstant(graph, factors);
  Value power = graph.Node("Div", {Expm1(graph, graph.Node("Mul", {log_x, row})), row});
  if (std::ranges::find(is_zero, 1.0) == is_zero.end()) return power;
  const Value zero = graph.Cast(RowConstant(graph, is_zero), ElementType::kBool);
  return Where(graph, zero, log_x, power);
}

Value YeoJohnson(GraphBuilder& graph, const Value& x, const std::vector<double>& lambdas) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  std::vector<double> mirrored;
  mirrored.reserve(lambdas.size());
  for (const double lambda : lambdas) mirrored.push_back(2 - lambda);
  const Value log_x = Log1p(graph, graph.Node("Abs", {x}));
  const Value negative = graph.Node("Neg", {PowerOf(graph, log_x, mirrored, kEpsilon)});
  const Value is_negative = Compare(graph, "Less", x, Constant(graph, 0));
  return Where(graph, is_negative, negative, PowerOf(graph, log_x, lambdas, kEpsilon));
}

Result<Answer> ConvertPower(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals lambdas, record.Numbers("lambdas_"));
  if (static_cast<int64_t>(lambdas.values.size()) != input.width()) {
    return record.Damaged(StrCat("lambdas_: expected ", input.width(), " numbers"));
  }
  const std::string method = record.TextOr("method", "yeo-johnson");
  Value y;
  if (method == "yeo-johnson") {
    y = YeoJohnson(graph, x, lambdas.values);
  } else if (method == "box-cox") {
    constexpr double kNextToZero = 1e-19;
    y = PowerOf(graph, graph.Node("Log", {x}), lambdas.values, kNextToZero);
  } else {
    return scope.Unsupported(record, StrCat("method '", method, "' is not supported"));
  }
  Frame output = Frame::Of(y, input.width());
  SLIPWAY_ASSIGN_OR_RETURN(const bool standardize, record.BoolOr("standardize", true));
  if (!standardize) return Answer::Output(std::move(output));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* scaler, record.Get("_scaler"));
  return Convert(scope, *scaler, record.PlaceOf("_scaler"), output);
}

// ---- QuantileTransformer

// Straight lines between points of which `from` rises: one from each point to the next, or to each
// from the one before.
struct Lines {
  std::span<const double> from;
  std::span<const double> to;

  std::vector<double> Slopes(bool to_the_next) const {
    std::vector<double> slopes(from.size(), 0.0);
    for (size_t i = 0; i + 1 < from.size(); ++i) {
      const double run = from[i + 1] - from[i];
      if (run > 0) slopes[to_the_next ? i : i + 1] = (to[i + 1] - to[i]) / run;
    }
    return slopes;
  }
};

// The value at x of [batch, 1] of the line that belongs to point `index`, a number of [batch, 1].
Value OnLine(GraphBuilder& graph, const Value& x, const Value& index, const Lines& lines,
             bool to_the_next) {
  const Value at = graph.Cast(index, ElementType::kInt64);
  const auto gather = [&](std::span<const double> values) {
    const auto size = static_cast<int64_t>(values.size());
    return graph.Node("Gather", {graph.Add(graph::DoubleConstant(values, {size}), "points"), at},
                      {{"axis", int64_t{0}}}, ElementType::kDouble);
  };
  const Value run = graph.Node("Sub", {x, gather(lines.from)});
  const Value rise = graph.Node("Mul", {gather(lines.Slopes(to_the_next)), run});
  return graph.Node("Add", {rise, gather(lines.to)});
}

// The mean of interpolating from below and from above, which differ where points repeat.
Value Interpolated(GraphBuilder& graph, const Value& x, const Lines& lines) {
  const Value row = RowConstant(graph, lines.from);
  const auto count = [&](std::string_view op) {
    return SumOfRows(graph, graph.Cast(Compare(graph, op, x, row), ElementType::kDouble));
  };
  const Value one = Constant(graph, 1);
  const Value zero = Constant(graph, 0);
  // For x that is no number both counts are 0.
  const Value last_below =
      graph.Node("Max", {graph.Node("Sub", {count("GreaterOrEqual"), one}), zero});
  const Value last = Constant(graph, static_cast<double>(lines.from.size() - 1));
  const Value first_above = graph.Node("Min", {count("Greater"), last});
  const Value sum = graph.Node("Add", {OnLine(graph, x, last_below, lines, true),
                                       OnLine(graph, x, first_above, lines, false)});
  return graph.Node("Mul", {sum, Constant(graph, 0.5)});
}

// One column: how much of the training data is below x, from 0 to 1.
Value ShareBelow(GraphBuilder& graph, const Value& x, const Lines& lines, bool normal) {
  constexpr double kBounds = 1e-7;
  const Value least = Constant(graph, lines.from.front());
  const Value most = Constant(graph, lines.from.back());
  Value y = Interpolated(graph, x, lines);
  y = Where(graph, Compare(graph, "Less", x, least), Constant(graph, lines.to.front()), y);
  y = Where(graph, Compare(graph, "Greater", x, most), Constant(graph, lines.to.back()), y);
  const Value bounds = Constant(graph, kBounds);
  const Value at_most = normal ? Compare(graph, "Greater", graph.Node("Add", {x, bounds}), most)
                               : Compare(graph, "Equal", x, most);
  const Value at_least = normal ? Compare(graph, "Less", graph.Node("Sub", {x, bounds}), least)
                                : Compare(graph, "Equal", x, least);
  y = Where(graph, at_most, Constant(graph, 1), y);
  return Where(graph, at_least, Constant(graph, 0), y);
}

// What the quantiles of the normal distribution are cut to, at 1e-7 from both ends.
Value CutNormal(GraphBuilder& graph, const Value& x) {
  const Value least = Constant(graph, -5.199337582605575);
  const Value most = Constant(graph, 5.19933758270342);
  const Value above = Where(graph, Compare(graph, "Less", x, least), least, x);
  return Where(graph, Compare(graph, "Greater", above, most), most, above);
}

Result<Answer> ConvertQuantile(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals quantiles, record.Numbers("quantiles_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals references, record.Numbers("references_"));
  const size_t count = references.values.size();
  if (count == 0 || quantiles.shape.size() != 2 || quantiles.columns() != input.width() ||
      static_cast<size_t>(quantiles.rows()) != count) {
    return record.Damaged("quantiles_, references_: do not fit each other or the columns");
  }
  const std::string distribution = record.TextOr("output_distribution", "uniform");
  const bool normal = distribution == "normal";
  if (!normal && distribution != "uniform") {
    return scope.Unsupported(record,
                             StrCat("output_distribution '", distribution, "' is not supported"));
  }
  std::vector<Value> columns;
  for (int64_t column = 0; column < input.width(); ++column) {
    std::vector<double> points;
    points.reserve(static_cast<size_t>(quantiles.rows()));
    for (int64_t i = 0; i < quantiles.rows(); ++i) {
      points.push_back(quantiles.row(i)[static_cast<size_t>(column)]);
    }
    const Value one = graph.Columns(x, std::span(&column, 1));
    columns.push_back(ShareBelow(graph, one, {.from = points, .to = references.values}, normal));
  }
  Value y = graph.Concat(std::move(columns));
  if (normal) y = CutNormal(graph, NormalQuantile(graph, y));
  return Answer::Output(Frame::Of(y, input.width()));
}

constexpr std::string_view kPreprocessing = "sklearn.preprocessing";

constexpr Estimator kEstimators[] = {
    {kPreprocessing, "PowerTransformer", ConvertPower},
    {kPreprocessing, "QuantileTransformer", ConvertQuantile},
};

}  // namespace

std::span<const Estimator> DistributionEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// SplineTransformer: each column becomes the values of B-splines. Between two knots these are
// polynomials, whose coefficients are constants of the graph. Source: scikit-learn 1.9,
// sklearn/preprocessing/_polynomial.py; de Boor, A Practical Guide to Splines.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr int64_t kMaxDegree = 20;
constexpr int64_t kMaxCoefficients = 10'000'000;  // of one column

// The splines of one column.
struct Splines {
  std::vector<double> knots;
  Reals weights;  // [splines of the knots, columns that come out]
  int64_t degree = 0;

  int64_t outputs() const { return weights.columns(); }
  double knot(int64_t i) const { return knots[static_cast<size_t>(i)]; }
  // The knots between which x of the training data lies.
  int64_t first() const { return degree; }
  int64_t last() const { return static_cast<int64_t>(knots.size()) - degree - 1; }
};

Result<Splines> ReadSplines(const Record& record) {
  constexpr std::array<std::string_view, 2> kKnots = {"_t", "t"};
  constexpr std::array<std::string_view, 2> kWeights = {"_c", "c"};
  Splines out;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals knots, record.Numbers(record.FirstOf(kKnots)));
  SLIPWAY_ASSIGN_OR_RETURN(out.weights, record.Numbers(record.FirstOf(kWeights)));
  SLIPWAY_ASSIGN_OR_RETURN(out.degree, record.Integer("k"));
  out.knots = knots.values;
  const auto count = static_cast<int64_t>(out.knots.size());
  if (out.degree < 0 || out.degree > kMaxDegree || count < 2 * out.degree + 2 ||
      out.weights.shape.size() != 2 || out.weights.rows() != count - out.degree - 1 ||
      out.weights.columns() == 0) {
    return record.Damaged("knots, weights and degree do not fit each other");
  }
  if (!std::ranges::is_sorted(out.knots)) return record.Damaged("knots that do not rise");
  const int64_t polynomials = (out.last() - out.first()) * (out.degree + 1);
  if (polynomials > kMaxCoefficients / out.outputs()) {
    return record.Damaged("so many splines are not supported");
  }
  const auto coefficients = static_cast<uint64_t>(polynomials * out.outputs());
  if (coefficients > record.budget().elements_left) {
    return base::ResourceExhausted("the model uses the same splines over and over");
  }
  record.budget().elements_left -= coefficients;
  return out;
}

// Multiplies a polynomial by (slope * u + offset).
std::vector<double> TimesLine(std::span<const double> polynomial, double slope, double offset) {
  std::vector<double> out(polynomial.size(), 0.0);
  for (size_t p = 0; p < polynomial.size(); ++p) {
    out[p] += offset * polynomial[p];
    if (p + 1 < out.size()) out[p + 1] += slope * polynomial[p];
  }
  return out;
}

// The splines that are not zero from knot `piece` to the next: those of index piece - degree to
// piece, as polynomials of u = x - knot[piece], lowest power first.
std::vector<std::vector<double>> SplinesOf(const Splines& splines, int64_t piece) {
  const auto size = static_cast<size_t>(splines.degree) + 1;
  const double origin = splines.knot(piece);
  std::vector<std::vector<double>> out(size, std::vector<double>(size, 0.0));
  out[size - 1][0] = 1;  // degree 0: only the one of index `piece`
  for (int64_t p = 1; p <= splines.degree; ++p) {
    std::vector<std::vector<double>> next(size, std::vector<double>(size, 0.0));
    for (int64_t j = piece - p; j <= piece; ++j) {
      const auto at = static_cast<size_t>(j - piece + splines.degree);
      const double rise = splines.knot(j + p) - splines.knot(j);
      if (j > piece - p && rise > 0) {
        next[at] = TimesLine(out[at], 1 / rise, (origin - splines.knot(j)) / rise);
      }
      const double fall = j < piece ? splines.knot(j + p + 1) - splines.knot(j + 1) : 0;
      if (fall > 0) {
        const std::vector<double> down =
            TimesLine(out[at + 1], -1 / fall, (splines.knot(j + p + 1) - origin) / fall);
        for (size_t i = 0; i < size; ++i) next[at][i] += down[i];
      }
    }
    out = std::move(next);
  }
  return out;
}

// For each piece between knots and each power of u the factors of the outputs:
// [powers][pieces * outputs].
std::vector<std::vector<double>> Coefficients(const Splines& splines) {
  const auto outputs = static_cast<size_t>(splines.outputs());
  const auto powers = static_cast<size_t>(splines.degree) + 1;
  std::vector<std::vector<double>> out(powers);
  for (int64_t piece = splines.first(); piece < splines.last(); ++piece) {
    const std::vector<std::vector<double>> local = SplinesOf(splines, piece);
    for (size_t p = 0; p < powers; ++p) {
      std::vector<double> row(outputs, 0.0);
      for (size_t j = 0; j < local.size(); ++j) {
        const std::span<const double> weights =
            splines.weights.row(piece - splines.degree + static_cast<int64_t>(j));
        for (size_t k = 0; k < outputs; ++k) row[k] += local[j][p] * weights[k];
      }
      out[p].insert(out[p].end(), row.begin(), row.end());
    }
  }
  return out;
}

// What Python's % gives for x - low and the period.
Value Wrapped(GraphBuilder& graph, const Value& x, double low, double high) {
  const Value period = Constant(graph, high - low);
  const Value offset = graph.Node("Sub", {x, Constant(graph, low)});
  const Value rest = graph.Node("Mod", {offset, period}, {{"fmod", int64_t{1}}});
  const Value negative = graph.Node("Less", {rest, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value positive = graph.Node("Where", {negative, graph.Node("Add", {rest, period}), rest},
                                    {}, ElementType::kDouble);
  return graph.Node("Add", {positive, Constant(graph, low)});
}

// How the splines go on outside of the knots.
enum class Outside : uint8_t { kError, kConstant, kLinear, kContinue, kPeriodic };

Value Replaced(GraphBuilder& graph, std::string_view op, const Value& x, const Value& bound,
               const Value& by, const Value& otherwise) {
  const Value beyond = graph.Node(op, {x, bound}, {}, ElementType::kBool);
  return graph.Node("Where", {beyond, by, otherwise}, {}, ElementType::kDouble);
}

// Straight lines that go on from a knot, [batch, outputs]: those of the first `count` outputs, or
// of the last; the others are zero.
Value Tangent(GraphBuilder& graph, const Value& x, const Splines& splines,
              const std::vector<std::vector<double>>& coefficients, int64_t knot, int64_t count,
              bool of_the_last) {
  const auto outputs = static_cast<size_t>(splines.outputs());
  const int64_t piece = std::min(knot, splines.last() - 1);
  const auto first = static_cast<size_t>(piece - splines.first()) * outputs;
  const double u = splines.knot(knot) - splines.knot(piece);
  std::vector<double> value(outputs, 0.0);
  std::vector<double> slope(outputs, 0.0);
  for (size_t k = 0; k < outputs; ++k) {
    const auto from_the_end = static_cast<int64_t>(of_the_last ? outputs - 1 - k : k);
    if (from_the_end >= count) continue;
    for (size_t p = coefficients.size(); p-- > 0;) {
      slope[k] = slope[k] * u + value[k];
      value[k] = value[k] * u + coefficients[p][first + k];
    }
  }
  const Value run = graph.Node("Sub", {x, Constant(graph, splines.knot(knot))});
  const Value rise = graph.Node("Mul", {run, RowConstant(graph, slope)});
  return graph.Node("Add", {rise, RowConstant(graph, value)});
}

// extrapolation="linear". For a degree of 0 or 1 scikit-learn counts one degree more, and goes on
// with that count in the columns behind the first: there it leaves the splines one knot early.
Value WithTangents(GraphBuilder& graph, const Value& x, const Splines& splines,
                   const std::vector<std::vector<double>>& coefficients, bool first_column,
                   const Value& inside) {
  const int64_t count = std::max(splines.degree, std::min<int64_t>(splines.degree + 1, 2));
  const int64_t early = first_column ? 0 : count - splines.degree;
  const int64_t low = splines.first() + early;
  const int64_t high = splines.last() - early;
  const Value below = Tangent(graph, x, splines, coefficients, low, count, false);
  const Value above = Tangent(graph, x, splines, coefficients, high, count, true);
  const Value y = Replaced(graph, "Less", x, Constant(graph, splines.knot(low)), below, inside);
  return Replaced(graph, "Greater", x, Constant(graph, splines.knot(high)), above, y);
}

// One column, [batch, 1], as [batch, outputs].
Value Evaluated(GraphBuilder& graph, const Value& column, const Splines& splines, Outside outside,
                bool first_column) {
  const Value low = Constant(graph, splines.knot(splines.first()));
  const Value high = Constant(graph, splines.knot(splines.last()));
  const std::vector<std::vector<double>> coefficients = Coefficients(splines);
  Value x = column;
  if (outside == Outside::kPeriodic) {
    x = Wrapped(graph, x, splines.knot(splines.first()), splines.knot(splines.last()));
  } else if (outside == Outside::kConstant) {
    x = Replaced(graph, "Less", x, low, low, x);
    x = Replaced(graph, "Greater", x, high, high, x);
  }
  const std::span<const double> inner =
      std::span<const double>(splines.knots)
          .subspan(static_cast<size_t>(splines.first()) + 1,
                   static_cast<size_t>(splines.last() - splines.first() - 1));
  // [batch]; without inner knots there is one piece.
  Value piece = graph.Cast(graph.Node("Less", {x, x}, {}, ElementType::kBool), ElementType::kInt64);
  if (!inner.empty()) {
    const Value above =
        graph.Node("GreaterOrEqual", {x, RowConstant(graph, inner)}, {}, ElementType::kBool);
    piece =
        graph.Cast(SumOfRows(graph, graph.Cast(above, ElementType::kDouble)), ElementType::kInt64);
  }
  const std::vector<double> starts(splines.knots.begin() + splines.first(),
                                   splines.knots.begin() + splines.last());
  const auto pieces = static_cast<int64_t>(starts.size());
  const Value start =
      graph.Node("Gather", {graph.Add(graph::DoubleConstant(starts, {pieces}), "starts"), piece},
                 {{"axis", int64_t{0}}}, ElementType::kDouble);
  const Value u = graph.Node("Sub", {x, start});
  const Value at = Flat(graph, piece);
  Value y;
  for (size_t p = coefficients.size(); p-- > 0;) {
    const Value table =
        graph.Add(graph::DoubleConstant(coefficients[p], {pieces, splines.outputs()}), "splines");
    const Value factor = graph.Node("Gather", {table, at}, {{"axis", int64_t{0}}});
    y = y.name.empty() ? factor : graph.Node("Add", {graph.Node("Mul", {y, u}), factor});
  }
  if (splines.degree == 0) y = graph.Node("Add", {y, graph.Node("Mul", {u, Constant(graph, 0)})});
  if (outside == Outside::kLinear) {
    y = WithTangents(graph, x, splines, coefficients, first_column, y);
  } else if (outside == Outside::kError) {
    const Value nan = Constant(graph, std::nan(""));
    y = Replaced(graph, "Less", x, low, nan, y);
    y = Replaced(graph, "Greater", x, high, nan, y);
  }
  return y;
}

Result<Outside> ReadOutside(Scope& scope, const Record& record) {
  const std::string name = record.TextOr("extrapolation", "constant");
  if (name == "constant") return Outside::kConstant;
  if (name == "linear") return Outside::kLinear;
  if (name == "continue") return Outside::kContinue;
  if (name == "periodic") return Outside::kPeriodic;
  if (name == "error") {
    scope.Warn(record, "a value beyond the knots gives NaN, where Python raises");
    return Outside::kError;
  }
  return scope.Unsupported(record, StrCat("extrapolation '", name, "' is not supported"));
}

Result<Answer> ConvertSplines(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const auto all, record.List("bsplines_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Outside outside, ReadOutside(scope, record));
  SLIPWAY_ASSIGN_OR_RETURN(const bool bias, record.BoolOr("include_bias", true));
  if (static_cast<int64_t>(all.size()) != input.width()) {
    return record.Damaged(StrCat("bsplines_: of ", all.size(), " columns"));
  }
  const bool zeros = record.Is("handle_missing", "zeros");
  std::vector<Frame> parts;
  for (int64_t column = 0; column < input.width(); ++column) {
    const std::string place = record.PlaceOf(StrCat("bsplines_[", column, "]"));
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record one, Record::From(all[static_cast<size_t>(column)], place, record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(const Splines splines, ReadSplines(one));
    if (outside == Outside::kLinear && splines.degree <= 1 &&
        splines.last() - splines.first() < 2) {
      return scope.Unsupported(record, "extrapolation 'linear' of degree 0 or 1 from two knots");
    }
    const Value from = graph.Columns(x, std::span(&column, 1));
    Value y = Evaluated(graph, from, splines, outside, column == 0);
    if (zeros) {
      const Value missing = graph.Node("IsNaN", {from}, {}, ElementType::kBool);
      y = graph.Node("Where", {missing, Constant(graph, 0), y}, {}, ElementType::kDouble);
    }
    const int64_t width = std::max<int64_t>(splines.outputs() - (bias ? 0 : 1), 0);
    std::vector<int64_t> kept(static_cast<size_t>(width));
    std::iota(kept.begin(), kept.end(), 0);
    if (kept.empty()) continue;
    parts.push_back(Frame::Of(bias ? y : graph.Columns(y, kept), width));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.preprocessing", "SplineTransformer", ConvertSplines},
};

}  // namespace

std::span<const Estimator> SplineEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

#include "import/pmml/comparison.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "base/str_cat.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// The comparisons of a field with all rows, [batch, rows]; missing values give 0.
Value Differences(GraphBuilder& graph, const Measured& one, std::span<const double> column) {
  const Value& x = one.field->value;
  const Value distance = graph.Node("Abs", {Binary(graph, "Sub", x, Row(graph, column))});
  Value out = distance;
  if (one.compares == Compares::kGaussSim) {
    const double factor = -std::numbers::ln2 / (one.scale * one.scale);
    out = graph.Node("Exp", {Binary(graph, "Mul", Binary(graph, "Mul", distance, distance),
                                    Number(graph, factor))});
  } else if (one.compares != Compares::kAbsDiff) {
    const Value same = Compare(graph, "Equal", distance, Number(graph, 0));
    const Value truth = one.compares == Compares::kEqual ? same : Not(graph, same);
    out = graph.Cast(truth, ElementType::kDouble);
  }
  if (!one.field->may_miss) return out;
  return Where(graph, IsMissing(graph, x), Number(graph, 0), out);
}

Value Power(GraphBuilder& graph, const Value& x, double power) {
  if (power == 1) return x;
  if (power == 2) return Binary(graph, "Mul", x, x);
  return graph.Node("Pow", {x, Number(graph, power)});
}

// The weight of all fields by that of those which are not missing, [batch, 1].
Value Adjustment(ModelScope& scope, std::span<const Measured> fields,
                 std::span<const double> missing_weights) {
  GraphBuilder& graph = scope.graph();
  std::vector<double> weights(missing_weights.begin(), missing_weights.end());
  if (weights.empty()) weights.assign(fields.size(), 1.0);
  double all = 0;
  std::vector<Value> columns;
  for (const double weight : weights) all += weight;
  for (const Measured& one : fields) columns.push_back(one.field->value);
  const Value present = graph.Cast(Not(graph, IsMissing(graph, graph.Concat(std::move(columns)))),
                                   ElementType::kDouble);
  scope.Fail(Compare(graph, "Less", Sum(graph, present), Number(graph, 0.5)));
  return Binary(graph, "Div", Number(graph, all), Product(graph, present, weights, 1));
}

}  // namespace

Result<Metric> ReadMetric(const Element& measure) {
  if (measure.Or("kind", "distance") != "distance") {
    return Conversion::Unsupported(measure, "a measure of similarity");
  }
  Metric out;
  for (const Element& child : measure.Children()) {
    const std::string_view name = child.name();
    if (name == "euclidean") {
      out.roots = true;
    } else if (name == "cityBlock") {
      out.power = 1;
    } else if (name == "chebychev") {
      out.power = 1;
      out.is_chebychev = true;
    } else if (name == "minkowski") {
      SLIPWAY_ASSIGN_OR_RETURN(out.power, child.Number("p-parameter"));
      if (!(out.power > 0)) return child.Error("'p-parameter': expected a number above 0");
      out.roots = true;
    } else if (name != "squaredEuclidean") {
      return Conversion::Unsupported(child, "this measure");
    }
    return out;
  }
  return measure.Error("expected a measure");
}

Result<Measured> ReadMeasured(ModelScope& scope, const Element& at, const Element& measure) {
  static constexpr std::string_view kCompares[] = {"absDiff", "gaussSim", "delta", "equal"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t otherwise, measure.Choice("compareFunction", kCompares));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
  Measured out;
  SLIPWAY_ASSIGN_OR_RETURN(out.field, scope.Use(at, name));
  SLIPWAY_ASSIGN_OR_RETURN(out.weight, at.NumberOr("fieldWeight", 1));
  SLIPWAY_ASSIGN_OR_RETURN(const size_t own, at.Choice("compareFunction", kCompares));
  out.compares = static_cast<Compares>(at.Find("compareFunction") ? own : otherwise);
  if (out.compares == Compares::kGaussSim) {
    SLIPWAY_ASSIGN_OR_RETURN(out.scale, at.Number("similarityScale"));
  }
  const bool counts = out.compares == Compares::kAbsDiff || out.compares == Compares::kGaussSim;
  if (counts && out.field->type == DataType::kText) return at.Error("a distance of text");
  return out;
}

Value Distances(ModelScope& scope, const Metric& metric, std::span<const Measured> fields,
                std::span<const std::vector<double>> columns,
                std::span<const double> missing_weights) {
  GraphBuilder& graph = scope.graph();
  Value out;
  for (size_t i = 0; i < fields.size(); ++i) {
    Value part = Power(graph, Differences(graph, fields[i], columns[i]), metric.power);
    if (fields[i].weight != 1) part = Binary(graph, "Mul", part, Number(graph, fields[i].weight));
    out = out.name.empty() ? part : Binary(graph, metric.is_chebychev ? "Max" : "Add", out, part);
  }
  out = Binary(graph, "Mul", out, Adjustment(scope, fields, missing_weights));
  if (!metric.roots) return out;
  if (metric.power == 2) return graph.Node("Sqrt", {out});
  return graph.Node("Pow", {out, Number(graph, 1 / metric.power)});
}

}  // namespace slipway::import::pmml

#include "import/pmml/formulas.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace slipway::import::pmml {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

Value Axis(GraphBuilder& graph) {
  static constexpr int64_t kColumns = 1;
  return graph.Add(graph::Int64Constant(std::span(&kColumns, 1), {1}), "axis");
}

}  // namespace

Value Number(GraphBuilder& graph, double value) {
  return graph.Scalar(ElementType::kDouble, value);
}

Value Row(GraphBuilder& graph, std::span<const double> values) {
  return graph.Add(graph::DoubleConstant(values, {1, static_cast<int64_t>(values.size())}), "row");
}

Value Binary(GraphBuilder& graph, std::string_view op, const Value& a, const Value& b) {
  return graph.Node(op, {a, b});
}

Value Compare(GraphBuilder& graph, std::string_view op, const Value& a, const Value& b) {
  return graph.Node(op, {a, b}, {}, ElementType::kBool);
}

Value IsMissing(GraphBuilder& graph, const Value& x) {
  return graph.Node("IsNaN", {x}, {}, ElementType::kBool);
}

Value Not(GraphBuilder& graph, const Value& truth) { return graph.Node("Not", {truth}); }

Value Or(GraphBuilder& graph, const Value& a, const Value& b) {
  if (a.name.empty()) return b;
  if (b.name.empty()) return a;
  return graph.Node("Or", {a, b});
}

Value And(GraphBuilder& graph, const Value& a, const Value& b) {
  if (a.name.empty()) return b;
  if (b.name.empty()) return a;
  return graph.Node("And", {a, b});
}

Value Where(GraphBuilder& graph, const Value& truth, const Value& a, const Value& b) {
  return graph.Node("Where", {truth, a, b}, {}, a.type);
}

Value Sum(GraphBuilder& graph, const Value& x) {
  return graph.Node("ReduceSum", {x, Axis(graph)}, {{"keepdims", int64_t{1}}});
}

Value Largest(GraphBuilder& graph, const Value& x) {
  return graph.Node("ReduceMax", {x, Axis(graph)}, {{"keepdims", int64_t{1}}});
}

Value AnyMissing(GraphBuilder& graph, const Value& x) {
  const Value count = Sum(graph, graph.Cast(IsMissing(graph, x), ElementType::kDouble));
  return Compare(graph, "Greater", count, Number(graph, 0));
}

Value FirstMaximum(GraphBuilder& graph, const Value& x) {
  const Value first = graph.Node("ArgMax", {x}, {{"axis", int64_t{1}}, {"keepdims", int64_t{1}}},
                                 ElementType::kInt64);
  return Where(graph, AnyMissing(graph, x), Number(graph, std::nan("")),
               graph.Cast(first, ElementType::kDouble));
}

Value Softmax(GraphBuilder& graph, const Value& x) {
  const Value shifted = Binary(graph, "Sub", x, Largest(graph, x));
  return DividedBySum(graph, graph.Node("Exp", {shifted}));
}

Value DividedBySum(GraphBuilder& graph, const Value& x) {
  return Binary(graph, "Div", x, Sum(graph, x));
}

Value RoundHalfUp(GraphBuilder& graph, const Value& x) {
  const Value low = graph.Node("Floor", {x});
  const Value up =
      Compare(graph, "GreaterOrEqual", Binary(graph, "Sub", x, low), Number(graph, 0.5));
  return Binary(graph, "Add", low, graph.Cast(up, ElementType::kDouble));
}

// atan(x) = pi/2 - atan(1/x) brings x into [-1, 1], atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))),
// three times, below 0.1, where the series of x - x^3/3 + x^5/5 - ... is short.
Value ArcTangent(GraphBuilder& graph, const Value& x) {
  const Value one = Number(graph, 1);
  const Value size = graph.Node("Abs", {x});
  const Value large = Compare(graph, "Greater", size, one);
  Value t = Where(graph, large, Binary(graph, "Div", one, size), size);
  for (int i = 0; i < 3; ++i) {
    const Value root = graph.Node("Sqrt", {Binary(graph, "Add", one, Binary(graph, "Mul", t, t))});
    t = Binary(graph, "Div", t, Binary(graph, "Add", one, root));
  }
  const Value square = Binary(graph, "Mul", t, t);
  Value series = Number(graph, 1.0 / 15);
  for (int k = 13; k > 0; k -= 2) {
    series = Binary(graph, "Sub", Number(graph, 1.0 / k), Binary(graph, "Mul", square, series));
  }
  const Value angle = Binary(graph, "Mul", Number(graph, 8), Binary(graph, "Mul", t, series));
  const Value rest = Binary(graph, "Sub", Number(graph, std::numbers::pi / 2), angle);
  return Binary(graph, "Mul", graph.Node("Sign", {x}), Where(graph, large, rest, angle));
}

Value ToFloat(GraphBuilder& graph, const Value& x) {
  return graph.Cast(graph.Cast(x, ElementType::kFloat), ElementType::kDouble);
}

Ranked Rank(GraphBuilder& graph, const Value& x, size_t count, bool largest) {
  const auto k = static_cast<int64_t>(count);
  const auto ranked =
      graph.Nodes("TopK", {x, graph.Add(graph::Int64Constant(std::span(&k, 1), {1}), "k")},
                  {{"largest", int64_t{largest ? 1 : 0}}, {"axis", int64_t{1}}},
                  {ElementType::kDouble, ElementType::kInt64});
  return {ranked[0], graph.Cast(ranked[1], ElementType::kDouble)};
}

Value LookUp(GraphBuilder& graph, std::span<const double> table, const Value& index) {
  const Value missing = IsMissing(graph, index);
  const Value safe =
      graph.Cast(Where(graph, missing, Number(graph, 0), index), ElementType::kInt64);
  const Value values =
      graph.Add(graph::DoubleConstant(table, {static_cast<int64_t>(table.size())}), "table");
  return Where(graph, missing, Number(graph, std::nan("")), graph.Node("Gather", {values, safe}));
}

Value Product(GraphBuilder& graph, const Value& x, std::span<const double> weights, size_t m) {
  const size_t n = weights.size() / m;
  std::vector<double> turned(weights.size());
  for (size_t i = 0; i < m; ++i) {
    for (size_t k = 0; k < n; ++k) turned[k * m + i] = weights[i * n + k];
  }
  const auto rows = static_cast<int64_t>(n);
  const auto columns = static_cast<int64_t>(m);
  return graph.Node("MatMul",
                    {x, graph.Add(graph::DoubleConstant(turned, {rows, columns}), "weights")});
}

}  // namespace slipway::import::pmml

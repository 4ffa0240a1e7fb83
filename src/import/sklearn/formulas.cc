#include "import/sklearn/formulas.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/str_cat.h"

namespace slipway::import::sklearn {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

Value Axes(GraphBuilder& graph, int64_t axis) {
  return graph.Add(graph::Int64Constant(std::span(&axis, 1), {1}), "axes");
}

}  // namespace

Value Constant(GraphBuilder& graph, double value) {
  return graph.Scalar(ElementType::kDouble, value);
}

Value RowConstant(GraphBuilder& graph, std::span<const double> values) {
  return graph.Add(graph::DoubleConstant(values, {1, static_cast<int64_t>(values.size())}), "row");
}

base::Status ApplyRow(GraphBuilder& graph, const Record& record, std::string_view op,
                      std::string_view attribute, int64_t width, Value& x) {
  if (!record.Has(attribute)) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const Reals row, record.Numbers(attribute));
  if (static_cast<int64_t>(row.values.size()) != width) {
    return record.Damaged(
        base::StrCat(attribute, ": expected ", width, " numbers, got ", row.values.size()));
  }
  x = graph.Node(op, {x, RowConstant(graph, row.values)});
  return base::OkStatus();
}

Value Transposed(GraphBuilder& graph, const Reals& rows) {
  // A vector is one row.
  const int64_t count = rows.shape.size() < 2 ? 1 : rows.rows();
  const auto width = static_cast<int64_t>(rows.values.size()) / std::max<int64_t>(count, 1);
  std::vector<double> out(rows.values.size());
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      out[static_cast<size_t>(k * count + i)] = rows.values[static_cast<size_t>(i * width + k)];
    }
  }
  return graph.Add(graph::DoubleConstant(out, {width, count}), "weights");
}

Value Affine(GraphBuilder& graph, const Value& x, const Reals& rows, const Reals& offset) {
  const Value product = graph.Node("MatMul", {x, Transposed(graph, rows)});
  return graph.Node("Add", {product, RowConstant(graph, offset.values)});
}

Value Expit(GraphBuilder& graph, const Value& z) {
  const Value one = Constant(graph, 1);
  const Value power = graph.Node("Exp", {graph.Node("Neg", {z})});
  return graph.Node("Div", {one, graph.Node("Add", {one, power})});
}

Value Softmax(GraphBuilder& graph, const Value& z) {
  return graph.Node("Softmax", {z}, {{"axis", int64_t{-1}}});
}

Value WithComplement(GraphBuilder& graph, const Value& p) {
  return graph.Concat({graph.Node("Sub", {Constant(graph, 1), p}), p});
}

Value ZeroColumn(GraphBuilder& graph, const Value& x) {
  constexpr std::array<int64_t, 1> kFirst = {0};
  const Value column = graph.Columns(x, kFirst);
  const Value never = graph.Node("Less", {column, column}, {}, ElementType::kBool);
  return graph.Cast(never, ElementType::kDouble);
}

Value SumOfRows(GraphBuilder& graph, const Value& x) {
  return graph.Node("ReduceSum", {x, Axes(graph, 1)}, {{"keepdims", int64_t{1}}});
}

Value Normalized(GraphBuilder& graph, const Value& x, double if_zero) {
  const Value sum = SumOfRows(graph, x);
  const Value zero = graph.Node("Equal", {sum, Constant(graph, 0)}, {}, ElementType::kBool);
  const Value quotient = graph.Node("Div", {x, sum});
  return graph.Node("Where", {zero, Constant(graph, if_zero), quotient}, {}, ElementType::kDouble);
}

Value FirstMaximum(GraphBuilder& graph, const Value& x) {
  return graph.Node(
      "ArgMax", {x},
      {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}, {"select_last_index", int64_t{0}}},
      ElementType::kInt64);
}

Value IsAbove(GraphBuilder& graph, const Value& z, double threshold) {
  const Value above =
      graph.Node("Greater", {z, Constant(graph, threshold)}, {}, ElementType::kBool);
  return Flat(graph, graph.Cast(above, ElementType::kInt64));
}

Value Decide(GraphBuilder& graph, const Value& decision, int64_t labels) {
  return labels <= 2 ? IsAbove(graph, decision, 0) : FirstMaximum(graph, decision);
}

Value Flat(GraphBuilder& graph, const Value& x) {
  constexpr std::array<int64_t, 1> kAll = {-1};
  return graph.Node("Reshape", {x, graph.Add(graph::Int64Constant(kAll, {1}), "shape")});
}

}  // namespace slipway::import::sklearn

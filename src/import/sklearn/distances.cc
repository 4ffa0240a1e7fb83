#include "import/sklearn/distances.h"

#include <array>
#include <functional>
#include <vector>

#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

// Folds `term` of what is in each column of x and of the rows with `op`.
Value FoldPairs(GraphBuilder& graph, const Value& x, const Reals& rows, std::string_view op,
                const std::function<Value(const Value&, const Value&)>& term) {
  Value sum;
  for (int64_t column = 0; column < rows.columns(); ++column) {
    std::vector<double> values;
    values.reserve(static_cast<size_t>(rows.rows()));
    for (int64_t i = 0; i < rows.rows(); ++i) {
      values.push_back(rows.row(i)[static_cast<size_t>(column)]);
    }
    const std::array<int64_t, 1> index = {column};
    const Value one = term(graph.Columns(x, index), RowConstant(graph, values));
    sum = column == 0 ? one : graph.Node(op, {sum, one});
  }
  return sum;
}

// The same of their difference.
Value Fold(GraphBuilder& graph, const Value& x, const Reals& rows, std::string_view op,
           const std::function<Value(const Value&)>& term) {
  return FoldPairs(graph, x, rows, op,
                   [&](const Value& a, const Value& b) { return term(graph.Node("Sub", {a, b})); });
}

}  // namespace

Value SquaredDistances(GraphBuilder& graph, const Value& x, const Reals& rows) {
  return Fold(graph, x, rows, "Add", [&](const Value& d) { return graph.Node("Mul", {d, d}); });
}

Value ManhattanDistances(GraphBuilder& graph, const Value& x, const Reals& rows) {
  return Fold(graph, x, rows, "Add", [&](const Value& d) { return graph.Node("Abs", {d}); });
}

Value ChebyshevDistances(GraphBuilder& graph, const Value& x, const Reals& rows) {
  return Fold(graph, x, rows, "Max", [&](const Value& d) { return graph.Node("Abs", {d}); });
}

Value PowerDistances(GraphBuilder& graph, const Value& x, const Reals& rows, double p) {
  return Fold(graph, x, rows, "Add", [&](const Value& d) {
    return graph.Node("Pow", {graph.Node("Abs", {d}), Constant(graph, p)});
  });
}

Value ChiSquaredDistances(GraphBuilder& graph, const Value& x, const Reals& rows) {
  return FoldPairs(graph, x, rows, "Add", [&](const Value& a, const Value& b) {
    const Value sum = graph.Node("Add", {a, b});
    const Value difference = graph.Node("Sub", {a, b});
    const Value square = graph.Node("Mul", {difference, difference});
    const Value zero = Constant(graph, 0);
    const Value none = graph.Node("Equal", {sum, zero}, {}, ElementType::kBool);
    return graph.Node("Where", {none, zero, graph.Node("Div", {square, sum})}, {},
                      ElementType::kDouble);
  });
}

}  // namespace slipway::import::sklearn

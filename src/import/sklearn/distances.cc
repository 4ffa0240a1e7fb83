#include "import/sklearn/distances.h"

#include <array>
#include <functional>
#include <vector>

#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {

using graph::GraphBuilder;
using graph::Value;

namespace {

// Folds `term` of the differences in each column with `op`.
Value Fold(GraphBuilder& graph, const Value& x, const Reals& rows, std::string_view op,
           const std::function<Value(const Value&)>& term) {
  Value sum;
  for (int64_t column = 0; column < rows.columns(); ++column) {
    std::vector<double> values;
    for (int64_t i = 0; i < rows.rows(); ++i) {
      values.push_back(rows.row(i)[static_cast<size_t>(column)]);
    }
    const std::array<int64_t, 1> index = {column};
    const Value difference =
        graph.Node("Sub", {graph.Columns(x, index), RowConstant(graph, values)});
    const Value one = term(difference);
    sum = column == 0 ? one : graph.Node(op, {sum, one});
  }
  return sum;
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

}  // namespace slipway::import::sklearn

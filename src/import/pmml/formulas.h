#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/graph_builder.h"

namespace slipway::import::pmml {

// Nodes that several models share. Numbers are doubles, [batch, n]; truths are BOOL.

graph::Value Number(graph::GraphBuilder& graph, double value);
graph::Value Row(graph::GraphBuilder& graph, std::span<const double> values);  // [1, n]
graph::Value Binary(graph::GraphBuilder& graph, std::string_view op, const graph::Value& a,
                    const graph::Value& b);
graph::Value Compare(graph::GraphBuilder& graph, std::string_view op, const graph::Value& a,
                     const graph::Value& b);  // "Less", "Equal", ...
graph::Value IsMissing(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value Not(graph::GraphBuilder& graph, const graph::Value& truth);
// Both sides may be nothing (no name), which is false for Or and true for And.
graph::Value Or(graph::GraphBuilder& graph, const graph::Value& a, const graph::Value& b);
graph::Value And(graph::GraphBuilder& graph, const graph::Value& a, const graph::Value& b);
graph::Value Where(graph::GraphBuilder& graph, const graph::Value& truth, const graph::Value& a,
                   const graph::Value& b);
// [batch, 1]
graph::Value Sum(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value Largest(graph::GraphBuilder& graph, const graph::Value& x);
// Position of the first maximum, as a double; NaN where the row has NaN.
graph::Value FirstMaximum(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value AnyMissing(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value Softmax(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value DividedBySum(graph::GraphBuilder& graph, const graph::Value& x);
// floor(x + 0.5), without the rounding of the sum.
graph::Value RoundHalfUp(graph::GraphBuilder& graph, const graph::Value& x);
// In doubles, for which ONNX Runtime has no Atan; relative error below 1e-14.
graph::Value ArcTangent(graph::GraphBuilder& graph, const graph::Value& x);
graph::Value ToFloat(graph::GraphBuilder& graph, const graph::Value& x);  // rounded, still doubles
// The values of each row by size: the first `count` and their positions, both doubles [batch,
// count]. Of equal ones the first goes first.
struct Ranked {
  graph::Value values;
  graph::Value positions;
};
Ranked Rank(graph::GraphBuilder& graph, const graph::Value& x, size_t count, bool largest);
// table[index], where `index` is [batch, n] of whole doubles, NaN giving NaN: [batch, n].
graph::Value LookUp(graph::GraphBuilder& graph, std::span<const double> table,
                    const graph::Value& index);
// x rows^T: [batch, n] by weights of [m, n], row-major; gives [batch, m].
graph::Value Product(graph::GraphBuilder& graph, const graph::Value& x,
                     std::span<const double> weights, size_t m);

}  // namespace slipway::import::pmml

#pragma once

#include <cstdint>

#include "graph/graph_builder.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// How far each row of x is from each of `rows`, [batch, rows]. Sums of differences, column by
// column: the product of matrices that would be quicker loses what near neighbours differ by.
// `rows` is a matrix with the columns of x.

graph::Value SquaredDistances(graph::GraphBuilder& graph, const graph::Value& x, const Reals& rows);
graph::Value ManhattanDistances(graph::GraphBuilder& graph, const graph::Value& x,
                                const Reals& rows);
graph::Value ChebyshevDistances(graph::GraphBuilder& graph, const graph::Value& x,
                                const Reals& rows);
// The sum of |difference|^p.
graph::Value PowerDistances(graph::GraphBuilder& graph, const graph::Value& x, const Reals& rows,
                            double p);
// The sum of difference^2 / sum, where the sum is not 0.
graph::Value ChiSquaredDistances(graph::GraphBuilder& graph, const graph::Value& x,
                                 const Reals& rows);

// Columns of one input that these are made for: each takes three nodes.
inline constexpr int64_t kMaxDistanceColumns = 2000;

}  // namespace slipway::import::sklearn

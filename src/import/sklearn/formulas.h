#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// Formulas that several estimators share, as nodes of a graph. All values are doubles, [batch, n],
// unless another type is said. Each does what scikit-learn does in the same order, because sums and
// quotients in another order differ in the last bits.

graph::Value Constant(graph::GraphBuilder& graph, double value);
// [1, n]
graph::Value RowConstant(graph::GraphBuilder& graph, std::span<const double> values);
// `rows` as [columns, rows]: the transpose, for a product from the right.
graph::Value Transposed(graph::GraphBuilder& graph, const Reals& rows);

// x (rows^T) + offset, where `offset` has a number for each row, or one for all.
graph::Value Affine(graph::GraphBuilder& graph, const graph::Value& x, const Reals& rows,
                    const Reals& offset);

// One step on all columns: x `op` the attribute's numbers, of which there must be `width`; nothing
// where the attribute is None.
base::Status ApplyRow(graph::GraphBuilder& graph, const Record& record, std::string_view op,
                      std::string_view attribute, int64_t width, graph::Value& x);

// 1 / (1 + exp(-z)), which keeps its precision where the result is small; ONNX Runtime's own
// Sigmoid does not.
graph::Value Expit(graph::GraphBuilder& graph, const graph::Value& z);
graph::Value Softmax(graph::GraphBuilder& graph, const graph::Value& z);
// [1 - p, p] for p of [batch, 1]
graph::Value WithComplement(graph::GraphBuilder& graph, const graph::Value& p);
// Zeros, [batch, 1], for as many rows as x has.
graph::Value ZeroColumn(graph::GraphBuilder& graph, const graph::Value& x);
// [batch, 1]
graph::Value SumOfRows(graph::GraphBuilder& graph, const graph::Value& x);
// Each row divided by its sum; a row of zeros becomes `if_zero` everywhere.
graph::Value Normalized(graph::GraphBuilder& graph, const graph::Value& x, double if_zero);

// Position of the first maximum of each row, int64 [batch].
graph::Value FirstMaximum(graph::GraphBuilder& graph, const graph::Value& x);
// 1 where z of [batch, 1] is above the threshold, else 0; int64 [batch].
graph::Value IsAbove(graph::GraphBuilder& graph, const graph::Value& z, double threshold);
// What decides a classifier: z > 0 for [batch, 1], else the first maximum.
graph::Value Decide(graph::GraphBuilder& graph, const graph::Value& decision, int64_t labels);

// [batch, n] as [batch * n] or, for one column, [batch].
graph::Value Flat(graph::GraphBuilder& graph, const graph::Value& x);

}  // namespace slipway::import::sklearn

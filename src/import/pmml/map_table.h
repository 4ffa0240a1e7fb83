#pragma once

#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"

namespace slipway::import::pmml {

// The InlineTable of a MapValues as numbers, each column with one for each row.
struct MapTable {
  std::vector<std::vector<double>> inputs;  // by column, at least one
  std::vector<double> outputs;
};

struct Mapped {
  graph::Value value;      // [batch, 1]: the output of the row that matches, NaN where none does
  graph::Value ambiguous;  // BOOL: more than one row matches; nothing where that cannot be
};

// Finds the row of the table that the columns of `x`, [batch, inputs] of doubles, are equal to.
// Time grows with the logarithm of the rows. kInvalidArgument where the table is larger than an
// ONNX file can hold.
base::Result<Mapped> FindRow(graph::GraphBuilder& graph, const MapTable& table,
                             const graph::Value& x);

}  // namespace slipway::import::pmml

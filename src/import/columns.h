#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/importer.h"

namespace slipway::import {

// Adds an input of [batch, 1] for each column: STRING for text, `number` for the others. A column
// without a name is "column_N", counted from 0. kInvalidArgument when two have one name.
base::Result<std::vector<graph::Value>> AddSeparateInputs(graph::GraphBuilder& graph,
                                                          std::span<const ImportedColumn> columns,
                                                          graph::ElementType number);

// The columns that are inputs of their own in a model all of whose columns are numbers.
inline std::span<const ImportedColumn> OwnInputs(std::span<const ImportedColumn> columns,
                                                 Columns how) {
  return how == Columns::kSeparate ? columns : std::span<const ImportedColumn>();
}

// Adds the input of a model all of whose columns are numbers, and gives it as one [batch, columns]:
// an input "x", or with kSeparate the inputs of AddSeparateInputs(), joined. kInvalidArgument for a
// column of text.
base::Result<graph::Value> AddNumberInput(graph::GraphBuilder& graph,
                                          std::span<const ImportedColumn> columns,
                                          graph::ElementType type, Columns how);

}  // namespace slipway::import

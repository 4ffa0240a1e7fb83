#pragma once

#include <span>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/importer.h"

namespace slipway::import {

// Adds the input of a model all of whose columns are numbers, and gives it as one [batch, columns]:
// an input "x", or one input of [batch, 1] for each column under its name, joined. kAuto is "x".
// kInvalidArgument when separate columns are asked for and names are missing or not unique.
base::Result<graph::Value> AddNumberInput(graph::GraphBuilder& graph,
                                          std::span<const ImportedColumn> columns,
                                          graph::ElementType type, Columns how);

}  // namespace slipway::import

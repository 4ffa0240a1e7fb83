#pragma once

#include "graph/graph_builder.h"
#include "import/importer.h"

namespace slipway::import {

// The last step of every importer: writes what `model` says about its origin, columns and classes
// into the metadata of the graph, and the graph into `model.onnx`.
void Finish(graph::GraphBuilder&& graph, ImportedModel& model);

}  // namespace slipway::import

#pragma once

#include <cstddef>

#include "graph/onnx_model.h"

namespace slipway::graph {

// How much was removed.
struct Cleanup {
  size_t nodes = 0;
  size_t initializers = 0;
};

// Removes from the main graph what no output needs: nodes, initializers (but not the default of an
// input), declared types of values that are gone, and domains that nothing is of. A node Identity
// goes too, unless it makes an output of the graph or a graph inside a node takes it. Inputs and
// outputs stay, and so does everything inside nodes. Time n log n. The functions must be inlined.
Cleanup RemoveUnused(OnnxModel& model);

}  // namespace slipway::graph

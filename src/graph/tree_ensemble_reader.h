#pragma once

#include "base/status.h"
#include "graph/onnx_graph.h"
#include "graph/tree_ensemble.h"

namespace slipway::graph {

// Whether ReadTreeEnsemble() may know this node.
bool IsTreeEnsemble(const OnnxNode& node);

// The trees of a node TreeEnsemble (ai.onnx.ml, version 5), whose input has `features` columns.
// Trees that were written once for each target (see AddTreeEnsemble()) become vector leaves again,
// and nodes whose branches lead to the same leaf become that leaf. The result passes Validate().
//
// kUnimplemented, with what it is, for what TreeEnsemble cannot say: tests of equality and
// membership, minima, maxima, post-transforms. kInvalidArgument when the node is damaged.
base::Result<TreeEnsemble> ReadTreeEnsemble(const OnnxNode& node, uint32_t features);

}  // namespace slipway::graph

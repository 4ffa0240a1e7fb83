#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/onnx_model.h"
#include "graph/shape_inference.h"

namespace slipway::graph {

// What became of a model's operator set.
struct OpsetUpgrade {
  int64_t from = 0;
  int64_t to = 0;        // == from: nothing was done
  size_t rewritten = 0;  // nodes that are written in another way
  // Why it stays: each node that a newer operator set cannot say exactly, with its place and
  // reason.
  std::vector<std::string> obstacles = {};
};

// Rewrites the standard's own operators (ai.onnx) to the operator set that GraphBuilder writes,
// where all of them can be said exactly: attributes that became inputs, softmax over two axes,
// Upsample, and whatever else changed its meaning; in the graphs inside If, Loop and Scan as in the
// main graph. A model of that set or a newer one stays as it
// is, and so does one with an obstacle, whole. Other domains keep their sets. Call it when the
// functions are inlined.
//
// `types` is what InferTypes() says of the model, or empty: with it fewer nodes are needed.
// kInvalidArgument: an attribute is damaged; the model is then half changed: drop it.
// Source: ONNX 1.20, docs/Changelog.md; for Resize 10 and Upsample, whose rounding the text leaves
// open, ONNX Runtime.
base::Result<OpsetUpgrade> UpgradeOpset(const ModelTypes& types, OnnxModel& model);

// The same to set `to`, which is at most GraphBuilder's, and no older than the model's. Nodes that
// are of sets of their own (ModelNode::opset) start from these, and Upsample, which no set has from
// 10 on, from set 9: of a model that stays in its set it is what is rewritten.
base::Result<OpsetUpgrade> UpgradeTo(int64_t to, const ModelTypes& types, OnnxModel& model);

}  // namespace slipway::graph

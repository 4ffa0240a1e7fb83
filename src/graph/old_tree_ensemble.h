#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/onnx_graph.h"
#include "graph/tree_ensemble.h"

namespace slipway::graph {

// A node TreeEnsembleRegressor or TreeEnsembleClassifier (ai.onnx.ml, versions 1 and 3), which most
// converters write. A value.
struct OldTreeEnsemble {
  enum class Transform : uint8_t { kNone, kLogistic, kSoftmax, kSoftmaxZero, kProbit };

  // The sums, with the base values behind the last tree. A classifier has a target for each class,
  // and one alone where there are two classes and all leaves speak of the first.
  TreeEnsemble trees;
  Transform transform = Transform::kNone;

  // Of a classifier: as many labels as classes, in one of the two.
  std::vector<int64_t> int_labels;
  std::vector<std::string> text_labels;
  bool weights_are_positive = true;  // none is below zero

  size_t classes() const { return int_labels.size() + text_labels.size(); }
};

// Whether ReadOldTreeEnsemble() may know this node.
bool IsOldTreeRegressor(const OnnxNode& node);
bool IsOldTreeClassifier(const OnnxNode& node);

// The trees of such a node, whose input has `features` columns of `type`, FLOAT or DOUBLE. The
// result's trees pass Validate().
//
// kUnimplemented, with what it is, for what the specification leaves open or an OldTreeEnsemble
// cannot say: tests of equality, minima, maxima, averages with base values, leaves without weights,
// classes that get a score from some rows only. kInvalidArgument when the node is damaged. Source:
// ONNX operators TreeEnsembleRegressor and TreeEnsembleClassifier; where they are vague, their
// kernels in ONNX Runtime (tree_ensemble_aggregator.h).
base::Result<OldTreeEnsemble> ReadOldTreeEnsemble(const OnnxNode& node, ElementType type,
                                                  uint32_t features);

}  // namespace slipway::graph

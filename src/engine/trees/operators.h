#pragma once

#include <string_view>

#include "base/status.h"
#include "engine/trees/program_builder.h"
#include "graph/onnx_graph.h"

namespace slipway::engine {

// Adds the steps of one node. kUnimplemented for an operator, attribute or shape that is not
// understood. The operators are those of opset 13 and later; each file below has its own.
base::Status AddOperator(ProgramBuilder& builder, const graph::OnnxNode& node);

// Element by element, with broadcasting: arithmetic, comparisons, Where, Clip, Cast, ...
bool IsElementwise(const graph::OnnxNode& node);
base::Status AddElementwise(ProgramBuilder& builder, const graph::OnnxNode& node);

// What moves columns: Concat, Gather, Slice, Reshape, Squeeze, Unsqueeze, Identity, LabelEncoder.
bool IsColumns(const graph::OnnxNode& node);
base::Status AddColumns(ProgramBuilder& builder, const graph::OnnxNode& node);

// What looks at a row as a whole: Softmax, ArgMax, ReduceSum.
bool IsRowwise(const graph::OnnxNode& node);
base::Status AddRowwise(ProgramBuilder& builder, const graph::OnnxNode& node);

// TreeEnsemble, and TreeEnsembleRegressor and TreeEnsembleClassifier, which came before it.
bool IsTrees(std::string_view op_type, std::string_view domain);
base::Status AddTrees(ProgramBuilder& builder, const graph::OnnxNode& node);
// Of the others only the first output may be used.
bool MayHaveSeveralOutputs(const graph::OnnxNode& node);

}  // namespace slipway::engine

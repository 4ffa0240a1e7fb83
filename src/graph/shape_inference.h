#pragma once

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "graph/onnx_model.h"

namespace slipway::graph {

// What is known of a tensor. Unknown are: a type kUndefined, no dims, a dimension named "".
struct ValueType {
  ElementType type = ElementType::kUndefined;
  std::optional<std::vector<Dim>> dims = std::nullopt;

  std::optional<size_t> rank() const {
    return dims ? std::optional<size_t>(dims->size()) : std::nullopt;
  }
};

// "FLOAT[batch,3]"; "INT64[...]" where the rank is unknown, "[4,-1]" where the type is.
std::ostream& operator<<(std::ostream& out, const ValueType& value);

// By name; borrows names from the model. A name that is not there may be anything.
using ValueTypes = std::map<std::string_view, ValueType>;

// What is known of the values of a model.
struct ModelTypes {
  ValueTypes main;  // of the main graph
  // Of each graph inside a node that was followed to its end: what is true whenever it runs. The
  // graphs are known by where they lie in the model.
  std::map<const ModelGraph*, ValueTypes> inner = {};
};

// Follows types and shapes through the main graph, from what inputs and initializers declare:
// through elementwise operators with broadcasting, matrix products, what moves, joins and reduces
// axes, casts, and ai.onnx.ml. Constants are looked into where they are a shape, axes or the like.
// An operator that it does not know, and what it makes, is unknown: never an error. Knows the
// operators by name, those of old operator sets too (axes as attributes). Graphs inside If, Loop
// and Scan are followed for what comes out of them: what is true whichever branch runs and however
// often the body does. Where a shape does not fit in there, it is unknown.
//
// kInvalidArgument, with the node's name: inputs whose types must be equal are not; shapes that no
// broadcast, product, join or reshape fits; an axis beyond the rank; branches whose element types
// differ, or a loop that changes that of a state. Dimensions with names fit anything.
//
// Time linear in nodes and names, with a logarithm; a body is followed up to four times, and
// together no more than a million entries inside nodes are. Reads no tensor of more than 64
// elements. Source: ONNX 1.20, docs/Operators.md, docs/Broadcasting.md.
base::Result<ModelTypes> InferTypes(const OnnxModel& model);

// Gives outputs of the main graph that declare no type, no shape, or a shape that contradicts
// `types`, what `types` knows of them. kInvalidArgument, with the output's name, for an output that
// declares another element type than the nodes make.
base::Status CompleteOutputs(const ValueTypes& types, OnnxModel& model);

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "graph/onnx_model.h"

namespace slipway::graph {

// How much the bodies of functions may become when each call is replaced by one.
struct InlineLimits {
  uint64_t max_nodes = 500'000;  // copied nodes and calls together
  uint64_t max_bytes = uint64_t{256} << 20;
  int max_call_depth = 100;  // functions that call functions
  int max_graph_depth = 30;  // graphs inside graphs in the result
};

// Replaces every node that calls a function of the file by the function's nodes, in the main graph
// and in subgraphs, until no call is left; then drops the functions. Returns how many calls there
// were. A function goes before an operator of the same name.
//
// Values and nodes of a body get names that are theirs alone, inputs and outputs those of the call.
// An attribute that refers to one of the function is replaced by what the call gives, else by the
// function's default, else it is left out. An output that is one of the inputs becomes an Identity.
// Domains that only functions import come into the model. Nodes of ai.onnx that are of another set
// in a function than in the model are brought to the newest of the sets, and so is the model.
//
// Errors: kInvalidArgument: a function is defined twice, calls itself (directly or not), is called
// with more inputs or outputs than it has, or gives back an input that the call leaves out;
// kUnimplemented: functions were written for other operator sets than the model, and cannot be
// said exactly in one for all (all are named); those of InferTypes() where sets differ;
// kResourceExhausted: a limit. After an error the model is half changed: drop it.
// Source: onnx.proto of ONNX 1.20, FunctionProto; docs/IR.md, "Functions".
base::Result<size_t> InlineFunctions(OnnxModel& model, const InlineLimits& limits = {});

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/onnx_graph.h"

namespace slipway::graph {

// A whole file as a tree that may be changed: nodes with their subgraphs, functions, values. Every
// text and message lies in the file, or was handed to OnnxModel::Keep(). Nothing is checked here:
// read files that ReadOnnxSummary() has accepted.
//
//   SLIPWAY_ASSIGN_OR_RETURN(OnnxModel model, ReadOnnxModel(file));
//   model.graph.nodes[0].op_type = "Identity";
//   const std::string changed = WriteOnnxModel(model);
//
// Thread-compatible. Source: onnx.proto of ONNX 1.20.

struct ModelGraph;

// An attribute that is a graph, or a list of graphs.
struct ModelSubgraph {
  std::string_view attribute;
  bool is_list = false;
  std::vector<ModelGraph> graphs;
};

struct ModelNode : OnnxNode {
  std::string_view overload;  // which of several functions of the same name is called
  std::vector<ModelSubgraph> subgraphs;
  std::string_view rest;  // encoded: doc_string, metadata_props
  // The set of ai.onnx that it is of, where that is not the model's: 0. Others occur only while
  // functions are inlined.
  int64_t opset = 0;
};

// An input, output or other value (ValueInfoProto), or a tensor, with the name that it carries.
struct NamedMessage {
  std::string_view name;
  std::span<const std::byte> message;
};

struct ModelGraph {
  std::string_view name;
  std::vector<ModelNode> nodes;
  std::vector<OnnxInitializer> initializers;
  std::vector<NamedMessage> sparse_initializers;
  std::vector<NamedMessage> inputs;
  std::vector<NamedMessage> outputs;
  std::vector<NamedMessage> values;  // value_info: types of what lies between
  std::string_view rest;             // encoded: doc_string, quantization_annotation, metadata_props
};

// A function of the file's own (FunctionProto).
struct ModelFunction {
  std::string_view domain;
  std::string_view name;
  std::string_view overload;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  ModelNode defaults;  // only its attributes and subgraphs: what a call has where it gives none
  std::vector<ModelNode> nodes;
  std::map<std::string_view, int64_t> opsets;
  std::string_view rest;

  std::string ToString() const;  // "domain.name", "domain.name:overload"
};

// Movable, not copyable: its texts may be kept by it.
struct OnnxModel {
  OnnxModel() = default;
  OnnxModel(OnnxModel&&) = default;
  OnnxModel& operator=(OnnxModel&&) = default;

  int64_t ir_version = 0;
  std::map<std::string_view, int64_t> opsets;  // "" for the standard's own
  ModelGraph graph;
  std::vector<ModelFunction> functions;
  std::string_view rest;  // encoded: producer, metadata_props and everything else

  // Keeps a text or an encoded message for as long as the model.
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  std::span<const std::byte> KeepMessage(std::string message) {
    const std::string_view kept = Keep(std::move(message));
    return std::as_bytes(std::span(kept.data(), kept.size()));
  }

 private:
  std::deque<std::string> kept_;  // addresses of its items stay
};

// Reads a file that ReadOnnxSummary() has accepted; borrows it. kInvalidArgument when it is
// damaged. Memory: a few times the bytes of the structure; weights stay where they are. Recursion
// as deep as OnnxLimits::max_depth.
base::Result<OnnxModel> ReadOnnxModel(std::span<const std::byte> file);

// The file. Memory: its size, and once more the largest graph inside a node.
std::string WriteOnnxModel(const OnnxModel& model);

// The text in a message's field of that number, the last of several; empty where there is none.
std::string_view TextOf(std::span<const std::byte> message, uint32_t field_number);

// Adds the values that a node takes: its inputs, and what the graphs inside it take or put out.
void CollectUses(const ModelNode& node, std::set<std::string_view>& used);

// Names for values and nodes that a change makes, different from all that the graph and those
// inside it have. (Runtimes refuse two nodes of one name.)
class FreshNames {
 public:
  explicit FreshNames(OnnxModel& model);
  // `wish` itself if it is free, else one that begins with it, kept by the model. `wish` must live
  // as long as the model: it is a text of the file, or kept.
  std::string_view Make(std::string_view wish);

 private:
  void Collect(const ModelGraph& graph);
  void Collect(const ModelNode& node);

  OnnxModel& model_;
  std::set<std::string_view> used_;
  uint64_t made_ = 0;
};

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "graph/onnx_summary.h"

namespace slipway::graph {

// An attribute of a node, read where it lies in the file. Borrows from the file.
struct OnnxAttribute {
  std::string_view name;
  std::span<const std::byte> message;  // the AttributeProto
};

// A node of the main graph. Borrows from the file.
struct OnnxNode {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;  // "" for the standard's own
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<OnnxAttribute> attributes;

  // For messages: "node 'conv1' (Conv)", "the node of 'y' (Conv)" where it has no name.
  std::string Label() const;
  bool Has(std::string_view attribute) const { return Find(attribute) != nullptr; }
  // The value of an attribute, or `otherwise` where the node does not have it. kInvalidArgument
  // when it has another type or is damaged.
  base::Result<int64_t> Int(std::string_view attribute, int64_t otherwise) const;
  base::Result<float> Float(std::string_view attribute, float otherwise) const;
  base::Result<std::string_view> Text(std::string_view attribute, std::string_view otherwise) const;
  base::Result<std::vector<int64_t>> Ints(std::string_view attribute) const;
  base::Result<std::vector<float>> Floats(std::string_view attribute) const;
  base::Result<std::vector<std::string>> Texts(std::string_view attribute) const;
  // nullopt where the node does not have it.
  base::Result<std::optional<Constant>> Tensor(std::string_view attribute) const;
  // The TensorProto where it lies in the file, unread.
  base::Result<std::optional<std::span<const std::byte>>> TensorMessage(
      std::string_view attribute) const;

 private:
  const OnnxAttribute* Find(std::string_view attribute) const;
};

// An initializer of the main graph. Borrows from the file.
struct OnnxInitializer {
  std::string_view name;
  std::span<const std::byte> message;  // the TensorProto
};

// The main graph of a file, node by node, for engines that run it themselves. Attributes and
// initializers are read when they are asked for. Borrows from the file.
struct OnnxGraph {
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  std::vector<OnnxNode> nodes;  // in the file's order
  std::vector<OnnxInitializer> initializers;
};

// What a graph may have to be read this way.
struct OnnxGraphLimits {
  size_t max_nodes = 20'000;
  size_t max_entries = 200'000;  // inputs and outputs of nodes, attributes, initializers, values
};

// Reads the graph of a file that ReadOnnxSummary() has accepted. kInvalidArgument when it is
// damaged, kUnimplemented above the limits. Linear in the size of the file; safe for any bytes.
base::Result<OnnxGraph> ReadOnnxGraph(std::span<const std::byte> file,
                                      const OnnxGraphLimits& limits = {});

// The content of a TensorProto, copied. kInvalidArgument when it is damaged or does not fit its
// shape; kUnimplemented for data in other files and for elements of less than 8 bits.
base::Result<Constant> ReadConstant(std::span<const std::byte> message);

}  // namespace slipway::graph

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "graph/onnx_model.h"

namespace slipway::graph {

// The constants of a graph that are small enough to be looked into, for a shape, axes or the like:
// initializers that no input may replace, and what nodes Constant make. At most 64 elements, whose
// bytes lie in the file itself, with at most 2 KiB around them. Graphs inside nodes are not seen.
//
// They are read when they are asked for. Borrows from the model's file, and not from its nodes,
// which may move. Thread-compatible.
class SmallConstants {
 public:
  static constexpr size_t kMostElements = 64;

  explicit SmallConstants(const ModelGraph& graph);
  // nullopt where the value is no such constant, or a damaged one.
  std::optional<Constant> Find(std::string_view value) const;

 private:
  void AddTensor(std::string_view value, std::span<const std::byte> tensor);
  void AddNode(const ModelNode& node);

  std::map<std::string_view, std::span<const std::byte>> tensors_;  // TensorProtos
  std::map<std::string_view, OnnxAttribute> numbers_;  // value_int, value_floats and the like
};

}  // namespace slipway::graph

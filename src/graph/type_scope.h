#pragma once

#include <optional>
#include <string_view>

#include "graph/onnx_model.h"
#include "graph/shape_inference.h"
#include "graph/small_constants.h"

namespace slipway::graph {

// What is known of the values of one graph, and behind them of those of the graphs around it, which
// it sees unless it has a value of the same name. Used by InferTypes() and its rules. Borrows the
// names and the scope around it. Thread-compatible.
class TypeScope {
 public:
  explicit TypeScope(const ModelGraph& graph) : outer_(nullptr), constants_(graph) {}
  TypeScope(const ModelGraph& graph, const TypeScope& outer);

  // Where nothing is known, a ValueType that says so.
  const ValueType& Find(std::string_view value) const;
  // The content of a small constant.
  std::optional<Constant> ConstantOf(std::string_view value) const;
  // Of a value of this graph.
  ValueType& operator[](std::string_view value) { return types_[value]; }
  ValueTypes& types() { return types_; }

 private:
  const TypeScope* const outer_;
  const SmallConstants constants_;
  ValueTypes types_;  // of a graph inside another: with all its values, known or not
};

}  // namespace slipway::graph

#pragma once

#include <map>
#include <span>
#include <string_view>
#include <tuple>

#include "base/status.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_model.h"

namespace slipway::graph {

// The functions of a file, by the nodes that call them: those of its domain, name and overload.
// Borrows the functions. Used by InlineFunctions().
class FunctionTable {
 public:
  // kInvalidArgument: a function is defined twice.
  base::Status Add(std::span<ModelFunction> functions) {
    for (ModelFunction& function : functions) {
      const Key key = {function.domain, function.name, function.overload};
      if (!functions_.emplace(key, &function).second) {
        return base::InvalidArgument(
            base::StrCat("function '", base::Printable(function.ToString()), "' is defined twice"));
      }
    }
    return base::OkStatus();
  }
  // nullptr where the node is an operator.
  ModelFunction* Find(const ModelNode& node) const {
    const auto found = functions_.find({node.domain, node.op_type, node.overload});
    return found == functions_.end() ? nullptr : found->second;
  }

 private:
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Key, ModelFunction*> functions_;
};

}  // namespace slipway::graph

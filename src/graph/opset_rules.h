#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/onnx_model.h"
#include "graph/shape_inference.h"
#include "graph/type_scope.h"

namespace slipway::graph {

// What rules may ask of the model, and what they add to it. Used by UpgradeOpset().
class OpsetEditor {
 public:
  OpsetEditor(const ModelTypes& types, OnnxModel& model);

  // From here on values are those that this graph sees, which lies inside a node of the one before;
  // Leave() goes back to that.
  void Enter(const ModelGraph& inner);
  void Leave() { scopes_.pop_back(); }

  // Whether a node or an output of a graph takes the value.
  bool IsUsed(std::string_view value) const { return used_.contains(value); }
  const ValueType& TypeOf(std::string_view value) const { return scopes_.back().Find(value); }
  // The content of a constant, if it is a small one.
  std::optional<Constant> ConstantOf(std::string_view value) const {
    return scopes_.back().ConstantOf(value);
  }

  // A new initializer of the main graph, which graphs inside it see too.
  std::string_view AddConstant(const Constant& constant, const ModelNode& origin,
                               std::string_view what);
  // A name for a new value that tells which node it is for.
  std::string_view NewName(const ModelNode& origin, std::string_view what);

  static void Remove(std::string_view attribute, ModelNode& node);
  void Set(const Attribute& attribute, ModelNode& node);

 private:
  const ModelTypes& types_;
  OnnxModel& model_;
  FreshNames fresh_;
  std::set<std::string_view> used_;
  std::list<TypeScope> scopes_;  // of the main graph first; each refers to the one before
};

// A node that is being rewritten, and the nodes that come before and after it.
struct NodeRewrite {
  OpsetEditor& editor;
  ModelNode& node;
  std::vector<ModelNode> before = {};
  std::vector<ModelNode> after = {};
};

// What happens to an operator in the step to a version in which its meaning or form changed.
struct OpsetRule {
  // Why this node cannot be said in the new version; empty where it can. May be null: it always
  // can.
  std::string (*obstacle)(const NodeRewrite& at);
  // Makes it a node of the new version. May be null: it is one already.
  base::Status (*apply)(NodeRewrite& at);
};

// nullptr where the step to `version` changes nothing about the operator, beyond the types it
// takes.
const OpsetRule* FindOpsetRule(std::string_view op_type, int64_t version);

// Whether ai.onnx has an operator of that name in the set that GraphBuilder writes, or had one that
// a rule renames.
bool IsStandardOperator(std::string_view op_type);

}  // namespace slipway::graph

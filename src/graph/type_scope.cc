#include "graph/type_scope.h"

namespace slipway::graph {

TypeScope::TypeScope(const ModelGraph& graph, const TypeScope& outer)
    : outer_(&outer), constants_(graph) {
  for (const NamedMessage& one : graph.inputs) types_[one.name];
  for (const OnnxInitializer& one : graph.initializers) types_[one.name];
  for (const NamedMessage& one : graph.sparse_initializers) types_[one.name];
  for (const ModelNode& node : graph.nodes) {
    for (const std::string_view output : node.outputs) types_[output];
  }
}

const ValueType& TypeScope::Find(std::string_view value) const {
  static const ValueType kUnknown;
  for (const TypeScope* scope = this; scope != nullptr; scope = scope->outer_) {
    const auto found = scope->types_.find(value);
    if (found != scope->types_.end()) return found->second;
  }
  return kUnknown;
}

std::optional<Constant> TypeScope::ConstantOf(std::string_view value) const {
  for (const TypeScope* scope = this; scope != nullptr; scope = scope->outer_) {
    const bool is_own = scope->types_.contains(value);
    if (is_own || scope->outer_ == nullptr) return scope->constants_.Find(value);
  }
  return std::nullopt;
}

}  // namespace slipway::graph

// What the rules of opset_rules.cc ask of a model and add to it.
#include <utility>

#include "base/str_cat.h"
#include "graph/onnx_encoding.h"
#include "graph/opset_rules.h"

namespace slipway::graph {

using base::StrCat;

OpsetEditor::OpsetEditor(const ModelTypes& types, OnnxModel& model)
    : types_(types), model_(model), fresh_(model) {
  scopes_.emplace_back(model.graph).types() = types.main;
  for (const NamedMessage& output : model.graph.outputs) used_.insert(output.name);
  for (const ModelNode& node : model.graph.nodes) CollectUses(node, used_);
}

void OpsetEditor::Enter(const ModelGraph& inner) {
  TypeScope& scope = scopes_.emplace_back(inner, scopes_.back());
  const auto known = types_.inner.find(&inner);
  if (known != types_.inner.end()) scope.types() = known->second;
}

std::string_view OpsetEditor::AddConstant(const Constant& constant, const ModelNode& origin,
                                          std::string_view what) {
  const std::string_view name = NewName(origin, what);
  model_.graph.initializers.push_back(
      {.name = name, .message = model_.KeepMessage(EncodeTensor(constant, name))});
  return name;
}

std::string_view OpsetEditor::NewName(const ModelNode& origin, std::string_view what) {
  const std::string_view stem = origin.outputs.empty() ? origin.op_type : origin.outputs[0];
  return fresh_.Make(model_.Keep(StrCat(stem, "_", what)));
}

void OpsetEditor::Remove(std::string_view attribute, ModelNode& node) {
  std::erase_if(node.attributes,
                [attribute](const OnnxAttribute& one) { return one.name == attribute; });
}

void OpsetEditor::Set(const Attribute& attribute, ModelNode& node) {
  Remove(attribute.name, node);
  node.attributes.push_back({.name = model_.Keep(attribute.name),
                             .message = model_.KeepMessage(EncodeAttribute(attribute))});
}

}  // namespace slipway::graph

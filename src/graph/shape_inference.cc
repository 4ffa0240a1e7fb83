#include "graph/shape_inference.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_encoding.h"
#include "graph/onnx_reader.h"
#include "graph/onnx_tensor.h"
#include "graph/type_rules.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr size_t kMostDims = 4'000'000;          // of all shapes together; further ones are unknown
constexpr size_t kMostInnerEntries = 1'000'000;  // of graphs inside nodes, as often as followed
constexpr size_t kLongestName = 64;              // of a dimension; a longer one is unknown
constexpr ElementType kAny = ElementType::kUndefined;

class Inference {
 public:
  std::map<const ModelGraph*, ValueTypes>& inner() { return inner_; }

  Status Run(const ModelGraph& graph, TypeScope& scope) {
    SLIPWAY_RETURN_IF_ERROR(AddInitializers(graph, scope));
    for (const NamedMessage& one : graph.inputs) SLIPWAY_RETURN_IF_ERROR(AddInput(one, scope));
    for (const ModelNode& node : graph.nodes) {
      const Status status = Follow(node, scope);
      if (!status.ok()) return status.WithContext(node.Label());
    }
    return OkStatus();
  }

 private:
  Status AddInitializers(const ModelGraph& graph, TypeScope& scope) {
    for (const OnnxInitializer& one : graph.initializers) {
      SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(base::WireReader(one.message)));
      ValueType& type = scope[one.name];
      type = {.type = tensor.element_type, .dims = Dims(tensor.dims.begin(), tensor.dims.end())};
      Bound(type);
    }
    return OkStatus();
  }

  Status AddInput(const NamedMessage& one, TypeScope& scope) {
    ValueType& type = scope[one.name];
    type = {};
    SLIPWAY_ASSIGN_OR_RETURN(const OnnxValue value, ReadValueInfo(base::WireReader(one.message)));
    if (value.kind != OnnxValue::Kind::kTensor) return OkStatus();
    type.type = value.element_type;
    if (value.has_shape) {
      type.dims.emplace();
      for (size_t i = 0; i < value.dims.size(); ++i) {
        const bool fixed = value.dims[i] >= 0;
        type.dims->push_back(fixed ? Dim(value.dims[i]) : Dim(value.dim_names[i]));
      }
    }
    Bound(type);
    return OkStatus();
  }

  Status Follow(const ModelNode& node, TypeScope& scope) {
    const TypeRule rule = FindTypeRule(node.domain, node.op_type);
    if (rule == nullptr) return OkStatus();
    const TypeContext::FollowGraph follow = [this, &scope](const ModelGraph& graph,
                                                           std::span<const ValueType> inputs) {
      return FollowInner(graph, inputs, scope);
    };
    TypeContext at(node, follow, scope);
    SLIPWAY_RETURN_IF_ERROR(rule(at));
    for (const std::string_view output : node.outputs) {
      const auto made = scope.types().find(output);
      if (made != scope.types().end()) Bound(made->second);
    }
    return OkStatus();
  }

  // The outputs of a graph inside a node. It may never run, or only on what it fits: shapes that do
  // not fit are unknown there, and no error. Its inputs are what it is given; what it declares of
  // them may be too much, but for their element types.
  Result<std::vector<ValueType>> FollowInner(const ModelGraph& graph,
                                             std::span<const ValueType> inputs,
                                             const TypeScope& around) {
    std::vector<ValueType> outputs(graph.outputs.size());
    inner_.erase(&graph);  // what was true of earlier rounds need not be of this one
    if (inner_entries_ > kMostInnerEntries) return outputs;
    CountEntries(graph);
    TypeScope scope(graph, around);
    SLIPWAY_RETURN_IF_ERROR(AddInitializers(graph, scope));
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      SLIPWAY_RETURN_IF_ERROR(AddInput(graph.inputs[i], scope));
      ValueType& type = scope[graph.inputs[i].name];
      const ElementType declared = type.type;
      type = i < inputs.size() ? inputs[i] : ValueType();
      if (type.type == kAny) type.type = declared;
      Bound(type);
    }
    for (const ModelNode& node : graph.nodes) {
      if (inner_entries_ > kMostInnerEntries) break;
      const Status status = Follow(node, scope);
      if (status.ok()) continue;
      // What runs graphs only complains of element types.
      if (!node.subgraphs.empty()) return status.WithContext(node.Label());
      for (const std::string_view output : node.outputs) scope[output] = {};
    }
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = scope.Find(graph.outputs[i].name);
    inner_[&graph] = std::move(scope.types());
    return outputs;
  }

  void CountEntries(const ModelGraph& graph) {
    inner_entries_ += 1 + graph.inputs.size() + graph.initializers.size() + graph.outputs.size();
    for (const ModelNode& node : graph.nodes) {
      inner_entries_ += 1 + node.inputs.size() + node.outputs.size();
    }
  }

  // Keeps what a file can make us remember small.
  void Bound(ValueType& type) {
    if (!type.dims) return;
    dims_made_ += type.dims->size();
    if (type.dims->size() > kMostRank || dims_made_ > kMostDims) {
      type.dims.reset();
      return;
    }
    for (Dim& dim : *type.dims) {
      const auto* name = std::get_if<std::string>(&dim);
      if (name != nullptr && name->size() > kLongestName) dim = AnySize();
    }
  }

  std::map<const ModelGraph*, ValueTypes> inner_;
  size_t dims_made_ = 0;
  size_t inner_entries_ = 0;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const ValueType& value) {
  if (value.type != kAny) out << ElementTypeName(value.type);
  if (!value.dims) return out << "[...]";
  out << '[';
  for (size_t i = 0; i < value.dims->size(); ++i) {
    if (i > 0) out << ',';
    const Dim& dim = (*value.dims)[i];
    if (const auto* name = std::get_if<std::string>(&dim)) {
      out << (name->empty() ? "-1" : base::Printable(*name));
    } else {
      out << std::get<int64_t>(dim);
    }
  }
  return out << ']';
}

Result<ModelTypes> InferTypes(const OnnxModel& model) {
  TypeScope scope(model.graph);
  Inference inference;
  SLIPWAY_RETURN_IF_ERROR(inference.Run(model.graph, scope));
  return ModelTypes{.main = std::move(scope.types()), .inner = std::move(inference.inner())};
}

namespace {

bool Contradicts(const OnnxValue& declared, const Dims& dims) {
  if (declared.dims.size() != dims.size()) return true;
  for (size_t i = 0; i < dims.size(); ++i) {
    const std::optional<int64_t> size = SizeOf(dims[i]);
    if (size && declared.dims[i] >= 0 && declared.dims[i] != *size) return true;
  }
  return false;
}

Status CompleteOutput(const ValueType& type, NamedMessage& output, OnnxModel& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxValue declared,
                           ReadValueInfo(base::WireReader(output.message)));
  const bool is_tensor = declared.kind == OnnxValue::Kind::kTensor;
  if (!is_tensor && declared.kind != OnnxValue::Kind::kUndeclared) return OkStatus();
  if (declared.element_type != kAny && declared.element_type != type.type) {
    return InvalidArgument(StrCat("output '", base::Printable(output.name), "': declared as ",
                                  declared, ", the nodes make ", type));
  }
  if (!type.dims || (is_tensor && declared.has_shape && !Contradicts(declared, *type.dims)))
    return OkStatus();
  output.message = model.KeepMessage(EncodeValueInfo(output.name, type.type, *type.dims));
  return OkStatus();
}

}  // namespace

Status CompleteOutputs(const ValueTypes& types, OnnxModel& model) {
  for (NamedMessage& output : model.graph.outputs) {
    const auto type = types.find(output.name);
    if (type == types.end() || type->second.type == kAny) continue;
    SLIPWAY_RETURN_IF_ERROR(CompleteOutput(type->second, output, model));
  }
  return OkStatus();
}

}  // namespace slipway::graph

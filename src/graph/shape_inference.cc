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

constexpr size_t kMostDims = 4'000'000;  // of all shapes together; further ones are unknown
constexpr size_t kLongestName = 64;      // of a dimension; a longer one is unknown
constexpr ElementType kAny = ElementType::kUndefined;

class Inference {
 public:
  explicit Inference(const OnnxModel& model) : model_(model), constants_(model.graph) {}

  Status Run() {
    for (const OnnxInitializer& one : model_.graph.initializers) {
      SLIPWAY_RETURN_IF_ERROR(AddInitializer(one));
    }
    for (const NamedMessage& one : model_.graph.inputs) SLIPWAY_RETURN_IF_ERROR(AddInput(one));
    for (const ModelNode& node : model_.graph.nodes) {
      SLIPWAY_RETURN_IF_ERROR(Follow(node));
    }
    return OkStatus();
  }

  ValueTypes& types() { return types_; }

 private:
  Status AddInitializer(const OnnxInitializer& one) {
    SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(base::WireReader(one.message)));
    ValueType& type = types_[one.name];
    type.type = tensor.element_type;
    type.dims = Dims(tensor.dims.begin(), tensor.dims.end());
    Bound(type);
    return OkStatus();
  }

  Status AddInput(const NamedMessage& one) {
    types_.erase(one.name);
    SLIPWAY_ASSIGN_OR_RETURN(const OnnxValue value, ReadValueInfo(base::WireReader(one.message)));
    if (value.kind != OnnxValue::Kind::kTensor) return OkStatus();
    ValueType& type = types_[one.name];
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

  Status Follow(const ModelNode& node) {
    const TypeRule rule = FindTypeRule(node.domain, node.op_type);
    if (rule == nullptr) return OkStatus();
    TypeContext at(node, constants_, types_);
    const Status status = rule(at);
    if (!status.ok()) {
      const std::string_view name =
          node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
      return status.WithContext(
          StrCat("node '", base::Printable(name), "' (", base::Printable(node.op_type), ")"));
    }
    for (const std::string_view output : node.outputs) {
      const auto made = types_.find(output);
      if (made != types_.end()) Bound(made->second);
    }
    return OkStatus();
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

  const OnnxModel& model_;
  const SmallConstants constants_;
  ValueTypes types_;
  size_t dims_made_ = 0;
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

Result<ValueTypes> InferTypes(const OnnxModel& model) {
  Inference inference(model);
  SLIPWAY_RETURN_IF_ERROR(inference.Run());
  return std::move(inference.types());
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

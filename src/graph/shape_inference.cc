#include "graph/shape_inference.h"

#include <algorithm>
#include <cstring>
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

constexpr uint64_t kMostElements = 64;   // of a constant that is looked into
constexpr size_t kMostDims = 4'000'000;  // of all shapes together; further ones are unknown
constexpr size_t kLongestName = 64;      // of a dimension; a longer one is unknown
constexpr ElementType kAny = ElementType::kUndefined;

class Inference {
 public:
  explicit Inference(const OnnxModel& model) : model_(model) {}

  Status Run() {
    for (const OnnxInitializer& one : model_.graph.initializers) {
      SLIPWAY_RETURN_IF_ERROR(AddInitializer(one));
    }
    for (const NamedMessage& one : model_.graph.inputs) SLIPWAY_RETURN_IF_ERROR(AddInput(one));
    const TypeContext::Constants constants = [this](std::string_view name) {
      return ConstantOf(name);
    };
    for (const ModelNode& node : model_.graph.nodes) {
      SLIPWAY_RETURN_IF_ERROR(Follow(node, constants));
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
    if (!tensor.external && tensor.element_count <= kMostElements) {
      constants_[one.name] = one.message;
    }
    return OkStatus();
  }

  // An input may replace an initializer of its name.
  Status AddInput(const NamedMessage& one) {
    constants_.erase(one.name);
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

  Status Follow(const ModelNode& node, const TypeContext::Constants& constants) {
    if (node.domain.empty() && node.op_type == "Constant" && node.outputs.size() == 1) {
      RememberConstant(node);
    }
    const TypeRule rule = FindTypeRule(node.domain, node.op_type);
    if (rule == nullptr) return OkStatus();
    TypeContext at(node, constants, types_);
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

  void RememberConstant(const ModelNode& node) {
    for (const OnnxAttribute& attribute : node.attributes) {
      if (attribute.name != "value") continue;
      const std::string_view tensor = TextOf(attribute.message, 5);
      constants_[node.outputs[0]] = std::as_bytes(std::span(tensor.data(), tensor.size()));
    }
  }

  std::optional<Constant> ConstantOf(std::string_view name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end()) return std::nullopt;
    const auto tensor = ReadTensor(base::WireReader(found->second));
    if (!tensor.ok() || tensor->external || tensor->element_count > kMostElements) {
      return std::nullopt;
    }
    auto constant = ReadConstant(found->second);
    if (!constant.ok()) return std::nullopt;
    return *std::move(constant);
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
  ValueTypes types_;
  std::map<std::string_view, std::span<const std::byte>> constants_;
  size_t dims_made_ = 0;
};

// Sizes of integers of ONNX, as 64 bits.
template <typename T>
std::vector<int64_t> Widened(std::string_view bytes) {
  std::vector<int64_t> values;
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof(T));
    values.push_back(value);
  }
  return values;
}

}  // namespace

const ValueType& TypeContext::In(size_t index) const {
  static const ValueType kUnknown;
  if (index >= node_.inputs.size() || node_.inputs[index].empty()) return kUnknown;
  const auto found = types_.find(node_.inputs[index]);
  return found == types_.end() ? kUnknown : found->second;
}

std::optional<std::vector<int64_t>> TypeContext::Ints(size_t input) const {
  if (input >= node_.inputs.size()) return std::nullopt;
  const std::optional<Constant> constant = constants_(node_.inputs[input]);
  if (!constant) return std::nullopt;
  if (constant->type == ElementType::kInt64) return Widened<int64_t>(constant->bytes);
  if (constant->type == ElementType::kInt32) return Widened<int32_t>(constant->bytes);
  return std::nullopt;
}

TypeContext::List TypeContext::IntsOf(size_t input, std::string_view attribute) const {
  if (input < node_.inputs.size() && !node_.inputs[input].empty()) {
    auto values = Ints(input);
    if (!values) return {.known = false};
    return {.known = true, .values = *std::move(values)};
  }
  auto values = node_.Ints(attribute);
  if (!values.ok() || values->size() > kMostElements) return {.known = false};
  return {.known = true, .values = *std::move(values)};
}

int64_t TypeContext::Int(std::string_view attribute, int64_t otherwise) const {
  const auto value = node_.Int(attribute, otherwise);
  return value.ok() ? *value : otherwise;
}

void TypeContext::Out(size_t index, ElementType type, std::optional<Dims> dims) {
  if (index >= node_.outputs.size() || node_.outputs[index].empty()) return;
  if (type == kAny && !dims) return;
  types_[node_.outputs[index]] = {.type = type, .dims = std::move(dims)};
}

Status TypeContext::CheckEqualTypes(std::span<const size_t> inputs) const {
  const ValueType* first = nullptr;
  for (const size_t index : inputs) {
    const ValueType& type = In(index);
    if (type.type == kAny) continue;
    if (first == nullptr) first = &type;
    if (type.type != first->type) {
      return InvalidArgument(StrCat("expected inputs of one type, got ", *first, " and ", type));
    }
  }
  return OkStatus();
}

Result<size_t> TypeContext::Axis(int64_t axis, size_t rank) const {
  const auto size = static_cast<int64_t>(rank);
  if (axis >= -size && axis < size) return static_cast<size_t>(axis < 0 ? axis + size : axis);
  return InvalidArgument(StrCat("expected an axis of ", rank, " dimensions, got ", axis));
}

TypeRule FindTypeRule(std::string_view domain, std::string_view op_type) {
  if (domain == GraphBuilder::kMlDomain) return FindMlRule(op_type);
  if (!domain.empty()) return nullptr;
  const TypeRule math = FindMathRule(op_type);
  if (math != nullptr) return math;
  const TypeRule shape = FindShapeRule(op_type);
  return shape != nullptr ? shape : FindReduceRule(op_type);
}

std::optional<int64_t> SizeOf(const Dim& dim) {
  const auto* size = std::get_if<int64_t>(&dim);
  return size == nullptr ? std::nullopt : std::optional<int64_t>(*size);
}

std::optional<Dims> FreeDims(const std::optional<Dims>& like) {
  return like ? std::optional<Dims>(Dims(like->size(), AnySize())) : std::nullopt;
}

std::optional<Dims> DimsOfShapeInput(const ValueType& shape) {
  if (!shape.dims || shape.dims->size() != 1) return std::nullopt;
  const std::optional<int64_t> rank = SizeOf((*shape.dims)[0]);
  if (!rank || *rank < 0 || *rank > static_cast<int64_t>(kMostRank)) return std::nullopt;
  return Dims(static_cast<size_t>(*rank), AnySize());
}

Result<std::optional<Dims>> Broadcast(const std::optional<Dims>& a, const std::optional<Dims>& b) {
  if (!a || !b) return std::optional<Dims>();
  const Dims& longer = a->size() >= b->size() ? *a : *b;
  const Dims& shorter = a->size() >= b->size() ? *b : *a;
  Dims out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = out[offset + i];
    const std::optional<int64_t> one = SizeOf(dim);
    const std::optional<int64_t> other = SizeOf(shorter[i]);
    if (other == 1 || dim == shorter[i]) continue;
    if (one == 1 || (other && !one)) {
      dim = shorter[i];
    } else if (one && other) {
      return InvalidArgument(StrCat("expected shapes that broadcast, got ",
                                    ValueType{.type = kAny, .dims = a}, " and ",
                                    ValueType{.type = kAny, .dims = b}));
    } else if (!one) {
      dim = AnySize();
    }
  }
  return std::optional<Dims>(std::move(out));
}

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

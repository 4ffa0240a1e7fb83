#include "graph/small_constants.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/shape.h"

namespace slipway::graph {

namespace {

// Of a message. Reading one takes time, and a file may ask for the same one at each of its nodes.
constexpr size_t kMostBytes = 2048;

bool IsNumbers(std::string_view attribute) {
  return attribute == "value_int" || attribute == "value_ints" || attribute == "value_float" ||
         attribute == "value_floats";
}

base::Result<Constant> ReadNumbers(const OnnxAttribute& attribute) {
  OnnxNode node;
  node.attributes = {attribute};
  if (attribute.name == "value_int") {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t value, node.Int(attribute.name, 0));
    return Int64Constant(std::span(&value, 1), {});
  }
  if (attribute.name == "value_float") {
    SLIPWAY_ASSIGN_OR_RETURN(const float value, node.Float(attribute.name, 0));
    return FloatConstant(std::span(&value, 1), {});
  }
  if (attribute.name == "value_ints") {
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> values, node.Ints(attribute.name));
    return Int64Constant(values, {static_cast<int64_t>(values.size())});
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<float> values, node.Floats(attribute.name));
  return FloatConstant(values, {static_cast<int64_t>(values.size())});
}

}  // namespace

SmallConstants::SmallConstants(const ModelGraph& graph) {
  for (const OnnxInitializer& one : graph.initializers) AddTensor(one.name, one.message);
  for (const NamedMessage& input : graph.inputs) tensors_.erase(input.name);
  for (const ModelNode& node : graph.nodes) {
    if (node.domain.empty() && node.op_type == "Constant" && node.outputs.size() == 1) {
      AddNode(node);
    }
  }
}

void SmallConstants::AddTensor(std::string_view value, std::span<const std::byte> tensor) {
  if (tensor.size() <= kMostBytes) tensors_.emplace(value, tensor);
}

void SmallConstants::AddNode(const ModelNode& node) {
  const auto read = node.TensorMessage("value");
  const auto tensor = read.ok() ? *read : std::nullopt;
  if (tensor) AddTensor(node.outputs[0], *tensor);
  for (const OnnxAttribute& attribute : node.attributes) {
    if (!IsNumbers(attribute.name) || attribute.message.size() > kMostBytes) continue;
    numbers_.emplace(node.outputs[0], attribute);
  }
}

std::optional<Constant> SmallConstants::Find(std::string_view value) const {
  const auto tensor = tensors_.find(value);
  const auto numbers = numbers_.find(value);
  if (tensor == tensors_.end() && numbers == numbers_.end()) return std::nullopt;
  auto constant =
      tensor != tensors_.end() ? ReadConstant(tensor->second) : ReadNumbers(numbers->second);
  if (!constant.ok()) return std::nullopt;
  const auto count = tensor::ElementCount(constant->dims);
  if (!count.ok() || *count > static_cast<int64_t>(kMostElements)) return std::nullopt;
  return *std::move(constant);
}

}  // namespace slipway::graph

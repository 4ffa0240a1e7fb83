#include "graph/graph_builder.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "graph/onnx_encoding.h"

namespace slipway::graph {
namespace {

using base::WireWriter;

static_assert(std::endian::native == std::endian::little, "ONNX's raw data is little-endian");

constexpr int64_t kMlOpset = 5;
constexpr int64_t kSlipwayOpset = 1;

template <typename T>
Constant FromValues(ElementType type, std::span<const T> values, std::vector<int64_t> dims) {
  Constant out{.type = type, .dims = std::move(dims), .bytes = {}, .texts = {}};
  out.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return out;
}

std::string EncodeEntry(std::string_view key, std::string_view value) {
  std::string out;
  WireWriter(out).Bytes(1, key);
  WireWriter(out).Bytes(2, value);
  return out;
}

int64_t OpsetOf(std::string_view domain) {
  if (domain.empty()) return GraphBuilder::kOpset;
  return domain == GraphBuilder::kMlDomain ? kMlOpset : kSlipwayOpset;
}

}  // namespace

Constant FloatConstant(std::span<const float> values, std::vector<int64_t> dims) {
  return FromValues(ElementType::kFloat, values, std::move(dims));
}

Constant DoubleConstant(std::span<const double> values, std::vector<int64_t> dims) {
  return FromValues(ElementType::kDouble, values, std::move(dims));
}

Constant RealConstant(ElementType type, std::span<const double> values, std::vector<int64_t> dims) {
  if (type == ElementType::kDouble) return DoubleConstant(values, std::move(dims));
  SLIPWAY_CHECK(type == ElementType::kFloat);
  std::vector<float> rounded(values.size());
  for (size_t i = 0; i < values.size(); ++i) rounded[i] = static_cast<float>(values[i]);
  return FloatConstant(rounded, std::move(dims));
}

Constant Int64Constant(std::span<const int64_t> values, std::vector<int64_t> dims) {
  return FromValues(ElementType::kInt64, values, std::move(dims));
}

Constant Uint8Constant(std::span<const uint8_t> values, std::vector<int64_t> dims) {
  return FromValues(ElementType::kUint8, values, std::move(dims));
}

Constant TextConstant(std::vector<std::string> values, std::vector<int64_t> dims) {
  return {.type = ElementType::kString,
          .dims = std::move(dims),
          .bytes = {},
          .texts = std::move(values)};
}

Value GraphBuilder::AddInput(std::string_view name, ElementType type, std::vector<Dim> dims) {
  given_names_.emplace(name);
  WireWriter(inputs_).Bytes(11, EncodeValueInfo(name, type, dims));
  return {.name = std::string(name), .type = type};
}

void GraphBuilder::AddOutput(const Value& value, std::string_view name, std::vector<Dim> dims) {
  const Value output{.name = std::string(name), .type = value.type};
  AddNode("Identity", std::span(&value, 1), std::span(&output, 1), {}, {});
  WireWriter(outputs_).Bytes(12, EncodeValueInfo(name, value.type, dims));
}

Value GraphBuilder::Add(const Constant& constant, std::string_view hint) {
  Value value{.name = NewName(hint), .type = constant.type};
  WireWriter(initializers_).Bytes(5, EncodeTensor(constant, value.name));
  return value;
}

Value GraphBuilder::Scalar(ElementType type, double value) {
  if (type == ElementType::kInt64) {
    const auto whole = static_cast<int64_t>(value);
    return Add(Int64Constant(std::span(&whole, 1), {}), "scalar");
  }
  return Add(RealConstant(type, std::span(&value, 1), {}), "scalar");
}

Value GraphBuilder::Node(std::string_view op_type, const std::vector<Value>& inputs,
                         const Attributes& attributes, ElementType type, std::string_view domain) {
  if (type == ElementType::kUndefined) {
    SLIPWAY_CHECK(!inputs.empty());
    type = inputs.front().type;
  }
  return Nodes(op_type, inputs, attributes, {type}, domain).front();
}

std::vector<Value> GraphBuilder::Nodes(std::string_view op_type, const std::vector<Value>& inputs,
                                       const Attributes& attributes,
                                       const std::vector<ElementType>& types,
                                       std::string_view domain) {
  std::vector<Value> outputs;
  outputs.reserve(types.size());
  for (const ElementType type : types) outputs.push_back({.name = NewName(op_type), .type = type});
  AddNode(op_type, inputs, outputs, attributes, domain);
  return outputs;
}

Value GraphBuilder::Cast(const Value& value, ElementType type) {
  if (value.type == type) return value;
  return Node("Cast", {value}, {{"to", static_cast<int64_t>(type)}}, type);
}

Value GraphBuilder::Columns(const Value& value, std::span<const int64_t> indices) {
  const Value at = Add(Int64Constant(indices, {static_cast<int64_t>(indices.size())}), "columns");
  return Node("Gather", {value, at}, {{"axis", int64_t{1}}});
}

Value GraphBuilder::Concat(std::vector<Value> values) {
  SLIPWAY_CHECK(!values.empty());
  if (values.size() == 1) return std::move(values.front());
  return Node("Concat", values, {{"axis", int64_t{-1}}});
}

void GraphBuilder::SetMetadata(std::string_view key, std::string_view value) {
  metadata_.insert_or_assign(std::string(key), std::string(value));
}

std::string GraphBuilder::NewName(std::string_view hint) {
  std::string name = base::StrCat(hint, "_", ++names_made_);
  while (given_names_.contains(name)) name = base::StrCat(hint, "_", ++names_made_);
  return name;
}

void GraphBuilder::AddNode(std::string_view op_type, std::span<const Value> inputs,
                           std::span<const Value> outputs, const Attributes& attributes,
                           std::string_view domain) {
  std::string node;
  WireWriter writer(node);
  for (const Value& input : inputs) writer.Bytes(1, input.name);
  for (const Value& output : outputs) writer.Bytes(2, output.name);
  writer.Bytes(3, outputs.front().name);
  writer.Bytes(4, op_type);
  for (const Attribute& attribute : attributes) writer.Bytes(5, EncodeAttribute(attribute));
  if (!domain.empty()) writer.Bytes(7, domain);
  WireWriter(nodes_).Bytes(1, node);
  opsets_[std::string(domain)] = OpsetOf(domain);
}

std::string GraphBuilder::Finish() && {
  std::string name;
  WireWriter(name).Bytes(2, graph_name_);
  const size_t graph_size =
      nodes_.size() + name.size() + initializers_.size() + inputs_.size() + outputs_.size();
  opsets_[""] = kOpset;
  std::string model;
  model.reserve(graph_size + 4096);
  WireWriter writer(model);
  writer.Varint(1, kIrVersion);
  writer.Bytes(2, "slipway");
  writer.BeginBytes(7, graph_size);
  model.append(nodes_).append(name).append(initializers_).append(inputs_).append(outputs_);
  for (const auto& [domain, version] : opsets_) {
    std::string opset;
    if (!domain.empty()) WireWriter(opset).Bytes(1, domain);
    WireWriter(opset).Varint(2, static_cast<uint64_t>(version));
    writer.Bytes(8, opset);
  }
  for (const auto& [key, value] : metadata_) writer.Bytes(14, EncodeEntry(key, value));
  return model;
}

}  // namespace slipway::graph

#include "graph/onnx_encoding.h"

#include <bit>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/protobuf_wire.h"

namespace slipway::graph {
namespace {

using base::WireWriter;

// Numbers of AttributeProto.AttributeType.
enum class AttributeType : uint8_t {
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
};

void AppendPacked(std::string& out, uint32_t field_number, std::span<const int64_t> values) {
  std::string packed;
  for (const int64_t value : values) base::AppendVarint(packed, static_cast<uint64_t>(value));
  WireWriter(out).Bytes(field_number, packed);
}

// Writes the field of AttributeProto that holds the content, and returns its type.
struct AttributeWriter {
  std::string& out;

  AttributeType operator()(int64_t value) const {
    WireWriter(out).Varint(3, static_cast<uint64_t>(value));
    return AttributeType::kInt;
  }
  AttributeType operator()(float value) const {
    WireWriter(out).Fixed32(2, std::bit_cast<uint32_t>(value));
    return AttributeType::kFloat;
  }
  AttributeType operator()(const std::string& value) const {
    WireWriter(out).Bytes(4, value);
    return AttributeType::kString;
  }
  AttributeType operator()(const std::vector<int64_t>& values) const {
    AppendPacked(out, 8, values);
    return AttributeType::kInts;
  }
  AttributeType operator()(const std::vector<float>& values) const {
    WireWriter(out).Bytes(7, {reinterpret_cast<const char*>(values.data()), values.size() * 4});
    return AttributeType::kFloats;
  }
  AttributeType operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) WireWriter(out).Bytes(9, value);
    return AttributeType::kStrings;
  }
  AttributeType operator()(const Constant& value) const {
    WireWriter(out).Bytes(5, EncodeTensor(value, {}));
    return AttributeType::kTensor;
  }
};

}  // namespace

std::string EncodeTensor(const Constant& constant, std::string_view name) {
  std::string out;
  out.reserve(constant.bytes.size() + name.size() + 64);
  WireWriter writer(out);
  for (const int64_t dim : constant.dims) writer.Varint(1, static_cast<uint64_t>(dim));
  writer.Varint(2, static_cast<uint64_t>(constant.type));
  for (const std::string& text : constant.texts) writer.Bytes(6, text);
  if (!name.empty()) writer.Bytes(8, name);
  if (constant.type != ElementType::kString) writer.Bytes(9, constant.bytes);
  return out;
}

std::string EncodeAttribute(const Attribute& attribute) {
  std::string out;
  WireWriter(out).Bytes(1, attribute.name);
  const AttributeType type = std::visit(AttributeWriter{out}, attribute.content);
  WireWriter(out).Varint(20, static_cast<uint64_t>(type));
  return out;
}

std::string EncodeValueInfo(std::string_view name, ElementType type, std::span<const Dim> dims) {
  std::string shape;
  for (const Dim& dim : dims) {
    std::string one;
    if (const auto* size = std::get_if<int64_t>(&dim)) {
      WireWriter(one).Varint(1, static_cast<uint64_t>(*size));
    } else {
      WireWriter(one).Bytes(2, std::get<std::string>(dim));
    }
    WireWriter(shape).Bytes(1, one);
  }
  std::string tensor_type;
  WireWriter(tensor_type).Varint(1, static_cast<uint64_t>(type));
  WireWriter(tensor_type).Bytes(2, shape);
  std::string type_message;
  WireWriter(type_message).Bytes(1, tensor_type);
  std::string out;
  WireWriter(out).Bytes(1, name);
  WireWriter(out).Bytes(2, type_message);
  return out;
}

}  // namespace slipway::graph

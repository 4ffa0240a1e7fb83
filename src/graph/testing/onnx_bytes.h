#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/protobuf_wire.h"
#include "graph/element_type.h"

namespace slipway::graph {

// Writes ONNX messages for tests, right or deliberately wrong: pieces are strings of encoded bytes,
// and a test may append fields of its own to any of them. Numbers are those of onnx.proto.

// A dimension: a size or a name.
using TestDim = std::variant<int64_t, std::string>;

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string TestTensor(std::string_view name, ElementType type,
                              const std::vector<int64_t>& dims, std::string_view raw_data) {
  std::string out;
  base::WireWriter writer(out);
  for (const int64_t dim : dims) writer.Varint(1, static_cast<uint64_t>(dim));
  writer.Varint(2, static_cast<uint64_t>(type));
  writer.Bytes(8, name);
  writer.Bytes(9, raw_data);
  return out;
}

// A key and value, as in external_data and metadata_props.
inline std::string TestEntry(std::string_view key, std::string_view value) {
  std::string out;
  base::WireWriter writer(out);
  writer.Bytes(1, key);
  writer.Bytes(2, value);
  return out;
}

inline std::string TestExternalTensor(std::string_view name, ElementType type,
                                      const std::vector<int64_t>& dims, std::string_view location,
                                      uint64_t offset) {
  std::string out;
  base::WireWriter writer(out);
  for (const int64_t dim : dims) writer.Varint(1, static_cast<uint64_t>(dim));
  writer.Varint(2, static_cast<uint64_t>(type));
  writer.Bytes(8, name);
  writer.Bytes(13, TestEntry("location", location));
  writer.Bytes(13, TestEntry("offset", std::to_string(offset)));
  writer.Varint(14, 1);
  return out;
}

inline std::string TestValue(std::string_view name, ElementType type,
                             const std::vector<TestDim>& dims) {
  std::string shape;
  for (const TestDim& dim : dims) {
    std::string one;
    base::WireWriter writer(one);
    if (const auto* size = std::get_if<int64_t>(&dim)) {
      writer.Varint(1, static_cast<uint64_t>(*size));
    } else {
      writer.Bytes(2, std::get<std::string>(dim));
    }
    base::WireWriter(shape).Bytes(1, one);
  }
  std::string tensor_type;
  base::WireWriter(tensor_type).Varint(1, static_cast<uint64_t>(type));
  base::WireWriter(tensor_type).Bytes(2, shape);
  std::string type_message;
  base::WireWriter(type_message).Bytes(1, tensor_type);
  std::string out;
  base::WireWriter(out).Bytes(1, name);
  base::WireWriter(out).Bytes(2, type_message);
  return out;
}

// `graph` becomes the attribute `body`, unless it is empty.
inline std::string TestNode(std::string_view op_type, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs, std::string_view graph = {},
                            std::string_view name = {}) {
  std::string out;
  base::WireWriter writer(out);
  for (const std::string& input : inputs) writer.Bytes(1, input);
  for (const std::string& output : outputs) writer.Bytes(2, output);
  if (!name.empty()) writer.Bytes(3, name);
  writer.Bytes(4, op_type);
  if (!graph.empty()) {
    std::string attribute;
    base::WireWriter(attribute).Bytes(1, "body");
    base::WireWriter(attribute).Bytes(6, graph);
    base::WireWriter(attribute).Varint(20, 5);
    writer.Bytes(5, attribute);
  }
  return out;
}

// An integer attribute, to append to a node as field 5.
inline std::string TestIntAttribute(std::string_view name, int64_t value) {
  std::string out;
  base::WireWriter(out).Bytes(1, name);
  base::WireWriter(out).Varint(3, static_cast<uint64_t>(value));
  base::WireWriter(out).Varint(20, 2);
  return out;
}

// An attribute of a node in a function: what the call gives as `referred`.
inline std::string TestReference(std::string_view name, std::string_view referred) {
  std::string out;
  base::WireWriter(out).Bytes(1, name);
  base::WireWriter(out).Varint(20, 2);
  base::WireWriter(out).Bytes(21, referred);
  return out;
}

// A function, to append to a model as field 25; its domain is "test". Calls are nodes with domain
// "test" as field 7.
inline std::string TestFunction(std::string_view name, const std::vector<std::string>& inputs,
                                const std::vector<std::string>& outputs,
                                const std::vector<std::string>& nodes, uint64_t opset = 17) {
  std::string opset_id;
  base::WireWriter(opset_id).Varint(2, opset);
  std::string out;
  base::WireWriter writer(out);
  writer.Bytes(1, name);
  for (const std::string& input : inputs) writer.Bytes(4, input);
  for (const std::string& output : outputs) writer.Bytes(5, output);
  for (const std::string& node : nodes) writer.Bytes(7, node);
  writer.Bytes(9, opset_id);
  writer.Bytes(10, "test");
  return out;
}

inline std::string TestCall(std::string_view function, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs) {
  std::string out = TestNode(function, inputs, outputs);
  base::WireWriter(out).Bytes(7, "test");
  return out;
}

struct TestGraph {
  std::vector<std::string> nodes;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> initializers;

  std::string Bytes() const {
    std::string out;
    base::WireWriter writer(out);
    for (const std::string& node : nodes) writer.Bytes(1, node);
    writer.Bytes(2, "test");
    for (const std::string& initializer : initializers) writer.Bytes(5, initializer);
    for (const std::string& input : inputs) writer.Bytes(11, input);
    for (const std::string& output : outputs) writer.Bytes(12, output);
    return out;
  }
};

// A file around an encoded graph.
inline std::string TestModel(std::string_view graph, uint64_t opset = 17, uint64_t ir_version = 8) {
  std::string opset_id;
  base::WireWriter(opset_id).Varint(2, opset);
  std::string out;
  base::WireWriter writer(out);
  writer.Varint(1, ir_version);
  writer.Bytes(7, graph);
  writer.Bytes(8, opset_id);
  return out;
}

}  // namespace slipway::graph

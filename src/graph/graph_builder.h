#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graph/element_type.h"

namespace slipway::graph {

// A value of a graph that is being built: what a node makes, an input or a constant.
struct Value {
  std::string name;
  ElementType type = ElementType::kUndefined;
};

// A dimension of an input or output: a size, or the name of a free one ("batch").
using Dim = std::variant<int64_t, std::string>;

// A tensor as a value: row-major, little-endian. Strings are in `texts` instead.
struct Constant {
  ElementType type = ElementType::kUndefined;
  std::vector<int64_t> dims;
  std::string bytes;
  std::vector<std::string> texts;
};

Constant FloatConstant(std::span<const float> values, std::vector<int64_t> dims);
Constant DoubleConstant(std::span<const double> values, std::vector<int64_t> dims);
// The doubles as `type`: kDouble or kFloat (rounded to nearest).
Constant RealConstant(ElementType type, std::span<const double> values, std::vector<int64_t> dims);
Constant Int64Constant(std::span<const int64_t> values, std::vector<int64_t> dims);
Constant Uint8Constant(std::span<const uint8_t> values, std::vector<int64_t> dims);
Constant TextConstant(std::vector<std::string> values, std::vector<int64_t> dims);

struct Attribute {
  using Content = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>, Constant>;
  std::string name;
  Content content;
};
using Attributes = std::vector<Attribute>;

// Builds one ONNX model, node by node:
//
//   GraphBuilder graph("logistic_regression");
//   const Value x = graph.AddInput("x", ElementType::kDouble, {"batch", 30});
//   const Value w = graph.Add(DoubleConstant(weights, {30, 1}), "weights");
//   graph.AddOutput(graph.Node("Sigmoid", {graph.Node("MatMul", {x, w})}), "p", {"batch", 1});
//   const std::string file = std::move(graph).Finish();
//
// Names of values are made here and are unique; inputs and outputs have the names that they are
// given. The caller answers for operators, attributes and types: nothing is checked but what the
// serialized form needs. Writes opset 21 and ai.onnx.ml 5, IR version 10, and any further domain
// that a node names. Memory: the constants once, and the file once more while Finish() writes it.
// Thread-compatible. Source: onnx.proto of ONNX 1.20.
class GraphBuilder {
 public:
  static constexpr int64_t kIrVersion = 10;
  static constexpr int64_t kOpset = 21;  // of the standard's own operators
  static constexpr std::string_view kMlDomain = "ai.onnx.ml";
  static constexpr std::string_view kSlipwayDomain = "org.slipway";

  explicit GraphBuilder(std::string graph_name) : graph_name_(std::move(graph_name)) {}

  Value AddInput(std::string_view name, ElementType type, std::vector<Dim> dims);
  // Gives `value` the name by which callers know it. A value may be put out more than once.
  void AddOutput(const Value& value, std::string_view name, std::vector<Dim> dims);

  // A constant; `hint` becomes part of its name, for people who look at the graph.
  Value Add(const Constant& constant, std::string_view hint = "constant");
  // One number of that type (kDouble, kFloat or kInt64), without dimensions.
  Value Scalar(ElementType type, double value);

  // A node with one output, which has the type of the first input, or `type` where one is given.
  // An input without a name is one that is left out.
  Value Node(std::string_view op_type, const std::vector<Value>& inputs,
             const Attributes& attributes = {}, ElementType type = ElementType::kUndefined,
             std::string_view domain = {});
  // A node with as many outputs as `types`.
  std::vector<Value> Nodes(std::string_view op_type, const std::vector<Value>& inputs,
                           const Attributes& attributes, const std::vector<ElementType>& types,
                           std::string_view domain = {});

  // Shorthands for what every importer needs.
  Value Cast(const Value& value, ElementType type);  // the value itself where it has that type
  // Columns `indices` of [batch, n], as [batch, indices.size()].
  Value Columns(const Value& value, std::span<const int64_t> indices);
  // Joined along the last axis; the value itself where it is only one.
  Value Concat(std::vector<Value> values);

  // A line of the model's metadata.
  void SetMetadata(std::string_view key, std::string_view value);

  // The file.
  std::string Finish() &&;

 private:
  std::string NewName(std::string_view hint);
  void AddNode(std::string_view op_type, std::span<const Value> inputs,
               std::span<const Value> outputs, const Attributes& attributes,
               std::string_view domain);

  std::string graph_name_;
  uint64_t names_made_ = 0;
  std::set<std::string, std::less<>> given_names_;  // of inputs: files choose them
  std::string nodes_;                               // encoded, as fields of the GraphProto
  std::string initializers_;                        // likewise
  std::string inputs_;
  std::string outputs_;
  std::map<std::string, int64_t> opsets_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace slipway::graph

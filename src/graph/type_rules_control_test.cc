// What InferTypes() says of If, Loop and Scan.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "graph/shape_inference.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

using Nodes = std::vector<std::string>;

std::string WithInt(std::string node, std::string_view name, int64_t value) {
  base::WireWriter(node).Bytes(5, TestIntAttribute(name, value));
  return node;
}

std::string CastTo(const std::string& input, const std::string& output, ElementType type) {
  return WithInt(TestNode("Cast", {input}, {output}), "to", static_cast<int64_t>(type));
}

std::string WithGraph(std::string node, std::string_view attribute, std::string_view graph) {
  std::string one;
  base::WireWriter(one).Bytes(1, attribute);
  base::WireWriter(one).Bytes(6, graph);
  base::WireWriter(node).Bytes(5, one);
  return node;
}

// A graph without types of its own.
std::string Graph(const Nodes& nodes, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, const Nodes& initializers = {}) {
  const auto values = [](const std::vector<std::string>& names) {
    std::vector<std::string> encoded;
    for (const std::string& name : names) {
      base::WireWriter(encoded.emplace_back()).Bytes(1, name);
    }
    return encoded;
  };
  return TestGraph{.nodes = nodes,
                   .inputs = values(inputs),
                   .outputs = values(outputs),
                   .initializers = initializers}
      .Bytes();
}

std::string If(const std::string& then_branch, const std::string& else_branch,
               const std::string& output = "y") {
  const std::string node =
      WithGraph(TestNode("If", {"c"}, {output}, {}, "choice"), "then_branch", then_branch);
  return WithGraph(node, "else_branch", else_branch);
}

std::string Ints(std::string_view name, const std::vector<int64_t>& values) {
  return TestTensor(name, ElementType::kInt64, {static_cast<int64_t>(values.size())},
                    {reinterpret_cast<const char*>(values.data()), values.size() * 8});
}

// x FLOAT[batch,3], z FLOAT[4,5], c BOOL, m INT64; what is known of y after these nodes.
std::string TypeOfY(const Nodes& nodes) {
  const TestGraph graph{
      .nodes = nodes,
      .inputs = {TestValue("x", ElementType::kFloat, {"batch", 3}),
                 TestValue("z", ElementType::kFloat, {4, 5}),
                 TestValue("c", ElementType::kBool, {}), TestValue("m", ElementType::kInt64, {})},
      .outputs = {TestValue("y", ElementType::kFloat, {})},
      .initializers = {Ints("one", {1}), Ints("two_ten", {2, 10})}};
  const std::string file = TestModel(graph.Bytes());
  const auto model = *ReadOnnxModel(AsBytes(file));
  const auto types = InferTypes(model);
  if (!types.ok()) return types.status().message();
  const auto y = types->main.find("y");
  if (y == types->main.end()) return "unknown";
  std::ostringstream text;
  text << y->second;
  return text.str();
}

TEST(IfTypesTest, BranchesOfOneShapeKeepIt) {
  const std::string neg = Graph({TestNode("Neg", {"x"}, {"a"})}, {}, {"a"});
  const std::string abs = Graph({TestNode("Abs", {"x"}, {"b"})}, {}, {"b"});
  EXPECT_EQ(TypeOfY({If(neg, abs)}), "FLOAT[batch,3]");
}

TEST(IfTypesTest, DimensionsThatDifferAreFree) {
  const std::string x = Graph({TestNode("Neg", {"x"}, {"a"})}, {}, {"a"});
  const std::string z = Graph({TestNode("Neg", {"z"}, {"a"})}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(x, z)}), "FLOAT[-1,-1]");
  const std::string flat = Graph({TestNode("ReduceSum", {"z", "one"}, {"a"})}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(z, flat)}), "FLOAT[4,-1]");
  const std::string sum =
      Graph({WithInt(TestNode("ReduceSum", {"z"}, {"a"}), "keepdims", 0)}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(z, sum)}), "FLOAT[...]");
}

TEST(IfTypesTest, ABranchOfUnknownShapeLeavesTheElementType) {
  const std::string z = Graph({TestNode("Neg", {"z"}, {"a"})}, {}, {"a"});
  const std::string mystery = Graph({TestNode("Mystery", {"z"}, {"a"})}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(z, mystery)}), "FLOAT[...]");
  EXPECT_EQ(TypeOfY({If(mystery, mystery)}), "unknown");
}

TEST(IfTypesTest, ElementTypesThatDifferAreRefusedByTheNodesName) {
  const std::string one = Graph({TestNode("Neg", {"z"}, {"a"})}, {}, {"a"});
  const std::string other = Graph({CastTo("z", "a", ElementType::kInt64)}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(one, other)}),
            "node 'choice' (If): expected branches of one type, got FLOAT[4,5] and INT64[4,5]");
  const std::string inner = Graph({If(one, other, "b")}, {}, {"b"});
  EXPECT_EQ(TypeOfY({If(inner, one)}),
            "node 'choice' (If): node 'choice' (If): expected branches of one type, got FLOAT[4,5] "
            "and INT64[4,5]");
}

// Exporters write a Squeeze that runs only where the axis has size 1.
TEST(IfTypesTest, WhatDoesNotFitInABranchIsNoError) {
  const std::string squeeze = Graph({TestNode("Squeeze", {"z", "one"}, {"a"})}, {}, {"a"});
  const std::string same = Graph({TestNode("Identity", {"z"}, {"a"})}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(squeeze, same)}), "FLOAT[...]");
}

TEST(IfTypesTest, NamesOfABranchHideThoseAround) {
  // "two_ten" is a shape outside; here it is something unknown, and "x" an integer.
  const std::string hides =
      Graph({TestNode("Mystery", {"z"}, {"two_ten"}), TestNode("Reshape", {"z", "two_ten"}, {"a"})},
            {}, {"a"});
  EXPECT_EQ(TypeOfY({If(hides, hides)}), "FLOAT[...]");
  const std::string own = Graph({TestNode("Neg", {"x"}, {"a"})}, {}, {"a"}, {Ints("x", {7, 8})});
  EXPECT_EQ(TypeOfY({If(own, own)}), "INT64[2]");
  const std::string sees = Graph({TestNode("Reshape", {"z", "two_ten"}, {"a"})}, {}, {"a"});
  EXPECT_EQ(TypeOfY({If(sees, sees)}), "FLOAT[2,10]");
}

std::string Loop(const std::string& state, const std::string& body,
                 const std::vector<std::string>& outputs = {"y"}) {
  return TestNode("Loop", {"m", "c", state}, outputs, body, "loop");
}

TEST(LoopTypesTest, AStateThatKeepsItsShapeHasIt) {
  const std::string body =
      Graph({TestNode("Add", {"s", "x"}, {"t"})}, {"i", "on", "s"}, {"on", "t"});
  EXPECT_EQ(TypeOfY({Loop("x", body)}), "FLOAT[batch,3]");
}

TEST(LoopTypesTest, AStateThatGrowsIsFreeInThatAxis) {
  const std::string body = Graph({WithInt(TestNode("Concat", {"s", "z"}, {"t"}), "axis", 0)},
                                 {"i", "on", "s"}, {"on", "t"});
  EXPECT_EQ(TypeOfY({Loop("z", body)}), "FLOAT[-1,5]");
  const std::string grows =
      Graph({TestNode("Unsqueeze", {"s", "one"}, {"t"})}, {"i", "on", "s"}, {"on", "t"});
  EXPECT_EQ(TypeOfY({Loop("z", grows)}), "FLOAT[...]");
}

TEST(LoopTypesTest, AStateThatIsReplacedMayStayWhatItWas) {
  const std::string body =
      Graph({TestNode("Identity", {"x"}, {"t"})}, {"i", "on", "s"}, {"on", "t"});
  EXPECT_EQ(TypeOfY({Loop("z", body)}), "FLOAT[-1,-1]");
}

// ONNX Runtime gives [0] where there was no round, whatever the rank of a row.
TEST(LoopTypesTest, RowsHaveTheTypeOfTheBodysOutput) {
  const std::string body = Graph({TestNode("ArgMax", {"s"}, {"t"}), TestNode("Neg", {"i"}, {"u"})},
                                 {"i", "on", "s"}, {"on", "s", "t", "u"});
  EXPECT_EQ(TypeOfY({Loop("z", body, {"last", "y", "other"})}), "INT64[...]");
  EXPECT_EQ(TypeOfY({Loop("z", body, {"last", "other", "y"})}), "INT64[...]");
  EXPECT_EQ(TypeOfY({Loop("z", body, {"y", "rows", "other"})}), "FLOAT[4,5]");
}

TEST(LoopTypesTest, AStateThatChangesItsTypeIsRefused) {
  const std::string body =
      Graph({CastTo("s", "t", ElementType::kDouble)}, {"i", "on", "s"}, {"on", "t"});
  EXPECT_EQ(TypeOfY({Loop("z", body)}),
            "node 'loop' (Loop): expected a state of one type in all rounds, got FLOAT[4,5] and "
            "DOUBLE[4,5]");
}

TEST(ScanTypesTest, RowsAreTakenApartAndPutTogether) {
  const std::string body =
      Graph({TestNode("Add", {"s", "row"}, {"t"}), TestNode("Neg", {"row"}, {"out"})}, {"s", "row"},
            {"t", "out"});
  const Nodes start = {WithInt(TestNode("ReduceSum", {"x"}, {"none"}), "keepdims", 0)};
  const auto scan = [&body](const std::string& last, const std::string& rows) {
    return WithInt(TestNode("Scan", {"none", "x"}, {last, rows}, body), "num_scan_inputs", 1);
  };
  // The state is [] before and [3] after the first row.
  EXPECT_EQ(TypeOfY({start[0], scan("y", "rows")}), "FLOAT[...]");
  EXPECT_EQ(TypeOfY({start[0], scan("last", "y")}), "FLOAT[batch,3]");
}

TEST(ScanTypesTest, GraphsThatDoNotFitTheNodeAreNotFollowed) {
  const std::string body = Graph({}, {"a"}, {});
  for (const int64_t scanned : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{2}, int64_t{9}}) {
    const std::string node = TestNode("Scan", {"x", "z"}, {"y", "w"}, body);
    EXPECT_EQ(TypeOfY({WithInt(node, "num_scan_inputs", scanned)}), "unknown") << scanned;
  }
  EXPECT_EQ(TypeOfY({TestNode("Loop", {"m"}, {"y"}, body)}), "unknown");
  EXPECT_EQ(TypeOfY({TestNode("Loop", {"m", "c", "x"}, {"y"}, body)}), "unknown");
  EXPECT_EQ(TypeOfY({TestNode("If", {"c"}, {"y"}, body)}), "unknown");
}

// Each round of each of them would follow what is inside four times.
TEST(LoopTypesTest, LoopsInLoopsEnd) {
  std::string body =
      Graph({TestNode("Unsqueeze", {"s", "one"}, {"t"})}, {"i", "on", "s"}, {"on", "t"});
  for (int i = 0; i < 20; ++i) {
    body = Graph({TestNode("Loop", {"m", "c", "s"}, {"t"}, body)}, {"i", "on", "s"}, {"on", "t"});
  }
  EXPECT_EQ(TypeOfY({Loop("z", body)}), "FLOAT[...]");
}

}  // namespace
}  // namespace slipway::graph

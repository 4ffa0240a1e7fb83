#include "graph/function_inliner.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

using base::StatusCode;

// A model of these nodes, from x to y.
std::string Model(const std::vector<std::string>& nodes,
                  const std::vector<std::string>& functions) {
  const TestGraph graph{.nodes = nodes,
                        .inputs = {TestValue("x", ElementType::kFloat, {2})},
                        .outputs = {TestValue("y", ElementType::kFloat, {2})},
                        .initializers = {}};
  std::string file = TestModel(graph.Bytes());
  for (const std::string& function : functions) base::WireWriter(file).Bytes(25, function);
  return file;
}

// The file after inlining; what is wrong with it is an error of the test.
std::string Inlined(const std::string& file, size_t calls) {
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto done = InlineFunctions(model);
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done.ok() ? *done : 0, calls);
  std::string out = WriteOnnxModel(model);
  const auto summary = ReadOnnxSummary(AsBytes(out));
  EXPECT_TRUE(summary.ok()) << summary.status();
  EXPECT_TRUE(!summary.ok() || summary->functions.empty());
  return out;
}

base::Status Refusal(const std::string& file, const InlineLimits& limits = {}) {
  auto model = *ReadOnnxModel(AsBytes(file));
  return InlineFunctions(model, limits).status();
}

void ExpectRefused(const base::Status& status, StatusCode code,
                   const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& word : words) {
    EXPECT_NE(status.message().find(word), std::string::npos) << status;
  }
}

TEST(FunctionInlinerTest, NamesOfTwoCallsAreDifferent) {
  const std::string twice = TestFunction(
      "Twice", {"a"}, {"b"},
      {TestNode("Neg", {"a"}, {"y"}, {}, "node"), TestNode("Neg", {"y"}, {"b"}, {}, "node2")});
  const std::string out = Inlined(
      Model({TestCall("Twice", {"x"}, {"m"}), TestCall("Twice", {"m"}, {"y"})}, {twice}), 2);
  const auto model = *ReadOnnxModel(AsBytes(out));
  ASSERT_EQ(model.graph.nodes.size(), 4u);
  std::set<std::string_view> names;
  for (const ModelNode& node : model.graph.nodes) names.insert(node.name);
  EXPECT_EQ(names.size(), 4u);
  EXPECT_EQ(model.graph.nodes[0].inputs[0], "x");
  EXPECT_EQ(model.graph.nodes[3].outputs[0], "y");
}

TEST(FunctionInlinerTest, AttributesComeFromTheCallThenFromTheDefaultThenNotAtAll) {
  std::string node = TestNode("Block", {"a"}, {"b"});
  for (const char* name : {"given", "default", "neither"}) {
    base::WireWriter(node).Bytes(5, TestReference(std::string("own_") + name, name));
  }
  std::string function = TestFunction("F", {"a"}, {"b"}, {node});
  base::WireWriter(function).Bytes(11, TestIntAttribute("default", 5));
  base::WireWriter(function).Bytes(11, TestIntAttribute("given", 6));
  std::string call = TestCall("F", {"x"}, {"y"});
  base::WireWriter(call).Bytes(5, TestIntAttribute("given", 7));
  const std::string out = Inlined(Model({call}, {function}), 1);
  const auto model = *ReadOnnxModel(AsBytes(out));
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  const ModelNode& made = model.graph.nodes[0];
  EXPECT_EQ(*made.Int("own_given", 0), 7);
  EXPECT_EQ(*made.Int("own_default", 0), 5);
  EXPECT_FALSE(made.Has("own_neither"));
}

TEST(FunctionInlinerTest, AnOutputThatIsAnInputBecomesAnIdentity) {
  const std::string function =
      TestFunction("Same", {"a"}, {"a", "b", "b"}, {TestNode("Neg", {"a"}, {"b"})});
  const std::string out = Inlined(
      Model({TestCall("Same", {"x"}, {"p", "q", "r"}), TestNode("Sum", {"p", "q", "r"}, {"y"})},
            {function}),
      1);
  const auto summary = *ReadOnnxSummary(AsBytes(out));
  ASSERT_EQ(summary.operators.size(), 3u);
  EXPECT_EQ(summary.operators[0].type, "Identity");
  EXPECT_EQ(summary.operators[0].count, 2u);
  const base::Status missing =
      Refusal(Model({TestCall("Same", {}, {"p"}), TestNode("Neg", {"x"}, {"y"})}, {function}));
  ExpectRefused(missing, StatusCode::kInvalidArgument, {"test.Same", "leaves out"});
}

TEST(FunctionInlinerTest, NamesOfGraphsInsideABodyAreItsOwn) {
  const std::string body =
      TestGraph{.nodes = {TestNode("Add", {"a", "c"}, {"x"})},
                .inputs = {},
                .outputs = {TestValue("x", ElementType::kFloat, {2})},
                .initializers = {TestTensor("c", ElementType::kFloat, {}, "1234")}}
          .Bytes();
  const std::string function =
      TestFunction("F", {"a"}, {"b"}, {TestNode("Block", {}, {"b"}, body)});
  const std::string out =
      Inlined(Model({TestCall("F", {"x"}, {"c"}), TestCall("F", {"c"}, {"y"})}, {function}), 2);
  const auto model = *ReadOnnxModel(AsBytes(out));
  ASSERT_EQ(model.graph.nodes.size(), 2u);
  const ModelGraph& first = model.graph.nodes[0].subgraphs.at(0).graphs.at(0);
  const ModelGraph& second = model.graph.nodes[1].subgraphs.at(0).graphs.at(0);
  EXPECT_EQ(first.nodes.at(0).inputs[0], "x");
  EXPECT_EQ(second.nodes.at(0).inputs[0], "c");
  EXPECT_NE(first.nodes[0].outputs[0], "x");
  EXPECT_EQ(first.nodes[0].outputs[0], first.outputs.at(0).name);
  EXPECT_NE(second.initializers.at(0).name, "c");
  EXPECT_EQ(second.nodes[0].inputs[1], second.initializers[0].name);
}

TEST(FunctionInlinerTest, RecursionIsRefusedByName) {
  const std::string a = TestFunction("A", {"a"}, {"b"}, {TestCall("B", {"a"}, {"b"})});
  const std::string b = TestFunction("B", {"a"}, {"b"}, {TestCall("A", {"a"}, {"b"})});
  ExpectRefused(Refusal(Model({TestCall("A", {"x"}, {"y"})}, {a, b})), StatusCode::kInvalidArgument,
                {"recursive", "'test.A' calls 'test.B' calls 'test.A'"});
}

TEST(FunctionInlinerTest, DoublingIsRefusedAtALimit) {
  std::vector<std::string> functions = {TestFunction("F0", {"a"}, {"a"}, {})};
  for (int i = 1; i <= 40; ++i) {
    const std::string inner = "F" + std::to_string(i - 1);
    functions.push_back(
        TestFunction("F" + std::to_string(i), {"a"}, {"b"},
                     {TestCall(inner, {"a"}, {"m"}), TestCall(inner, {"m"}, {"b"})}));
  }
  ExpectRefused(Refusal(Model({TestCall("F40", {"x"}, {"y"})}, functions)),
                StatusCode::kResourceExhausted, {"function 'test.F", "nodes"});
}

TEST(FunctionInlinerTest, LimitsOfBytesAndDepth) {
  std::string node = TestNode("Block", {"a"}, {"b"});
  base::WireWriter(node).Bytes(5, TestReference("big", "big"));
  const std::string function = TestFunction("F", {"a"}, {"b"}, {node});
  std::string big;
  base::WireWriter(big).Bytes(1, "big");
  base::WireWriter(big).Bytes(4, std::string(1000, 'x'));
  std::string call = TestCall("F", {"x"}, {"y"});
  base::WireWriter(call).Bytes(5, big);
  EXPECT_TRUE(Refusal(Model({call}, {function})).ok());
  ExpectRefused(Refusal(Model({call}, {function}), {.max_bytes = 900}),
                StatusCode::kResourceExhausted, {"test.F", "900 B"});

  std::vector<std::string> chain = {
      TestFunction("F0", {"a"}, {"b"}, {TestNode("Neg", {"a"}, {"b"})})};
  for (int i = 1; i <= 100; ++i) {
    chain.push_back(TestFunction("F" + std::to_string(i), {"a"}, {"b"},
                                 {TestCall("F" + std::to_string(i - 1), {"a"}, {"b"})}));
  }
  EXPECT_TRUE(Refusal(Model({TestCall("F99", {"x"}, {"y"})}, chain)).ok());
  ExpectRefused(Refusal(Model({TestCall("F100", {"x"}, {"y"})}, chain)),
                StatusCode::kResourceExhausted, {"100 deep"});
}

TEST(FunctionInlinerTest, GraphsOfFunctionsDoNotGrowTooDeep) {
  std::vector<std::string> functions = {
      TestFunction("F0", {"a"}, {"b"}, {TestNode("Neg", {"a"}, {"b"})})};
  for (int i = 1; i <= 40; ++i) {
    const std::string body = TestGraph{
        .nodes = {TestCall("F" + std::to_string(i - 1), {"a"}, {"m"})},
        .inputs = {},
        .outputs = {TestValue("m", ElementType::kFloat, {2})},
        .initializers = {}}.Bytes();
    functions.push_back(
        TestFunction("F" + std::to_string(i), {"a"}, {"b"}, {TestNode("Block", {}, {"b"}, body)}));
  }
  Inlined(Model({TestCall("F30", {"x"}, {"y"})}, functions), 31);
  ExpectRefused(Refusal(Model({TestCall("F40", {"x"}, {"y"})}, functions)),
                StatusCode::kResourceExhausted, {"30 deep"});
}

TEST(FunctionInlinerTest, WrongCallsAndDefinitionsAreRefused) {
  const std::string function = TestFunction("F", {"a"}, {"b"}, {TestNode("Neg", {"a"}, {"b"})});
  ExpectRefused(Refusal(Model({TestCall("F", {"x", "x"}, {"y"})}, {function})),
                StatusCode::kInvalidArgument, {"'test.F' has 1 inputs and 1 outputs", "2 and 1"});
  ExpectRefused(Refusal(Model({TestCall("F", {"x"}, {"y"})}, {function, function})),
                StatusCode::kInvalidArgument, {"'test.F' is defined twice"});
}

}  // namespace
}  // namespace slipway::graph

// Functions written in other operator sets than the model. That the answers are those of the
// functions' own sets is tested with a runtime, in import/onnx.
#include "graph/function_opsets.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/function_inliner.h"
#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

using base::StatusCode;

std::string Model(const std::vector<std::string>& nodes, const std::vector<std::string>& functions,
                  uint64_t opset) {
  const TestGraph graph{.nodes = nodes,
                        .inputs = {TestValue("x", ElementType::kFloat, {1, 2})},
                        .outputs = {TestValue("y", ElementType::kFloat, {})},
                        .initializers = {}};
  std::string file = TestModel(graph.Bytes(), opset);
  for (const std::string& function : functions) base::WireWriter(file).Bytes(25, function);
  return file;
}

// A node TopK of operator set 9, whose k is the function's attribute "k".
std::string TopKOfAttribute() {
  std::string node = TestNode("TopK", {"a"}, {"b", "at"}, {}, "top");
  base::WireWriter(node).Bytes(5, TestReference("k", "k"));
  return node;
}

std::string CallWithK(const std::string& input, const std::string& output, int64_t k) {
  std::string call = TestCall("Top", {input}, {output});
  base::WireWriter(call).Bytes(5, TestIntAttribute("k", k));
  return call;
}

void ExpectRefused(const std::string& file, StatusCode code,
                   const std::vector<std::string>& words) {
  auto model = *ReadOnnxModel(AsBytes(file));
  const base::Status status = InlineFunctions(model).status();
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& word : words) {
    EXPECT_NE(status.message().find(word), std::string::npos) << status;
  }
}

TEST(FunctionOpsetsTest, EachCallOfAnOlderFunctionBecomesNodesOfTheModelsSet) {
  const std::string file = Model({CallWithK("x", "m", 2), CallWithK("m", "y", 1)},
                                 {TestFunction("Top", {"a"}, {"b"}, {TopKOfAttribute()}, 9)}, 17);
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto calls = InlineFunctions(model);
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(model.opsets.at(""), 17);
  ASSERT_EQ(model.graph.nodes.size(), 2u);
  ASSERT_EQ(model.graph.initializers.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const ModelNode& node = model.graph.nodes[i];
    EXPECT_FALSE(node.Has("k"));
    ASSERT_EQ(node.inputs.size(), 2u);
    EXPECT_EQ(node.inputs[1], model.graph.initializers[i].name);
    EXPECT_EQ(node.opset, 0);
  }
  EXPECT_TRUE(ReadOnnxSummary(AsBytes(WriteOnnxModel(model))).ok());
}

TEST(FunctionOpsetsTest, ANewerFunctionBringsTheModelToItsSet) {
  std::string old = TestNode("TopK", {"x"}, {"m", "at"});
  base::WireWriter(old).Bytes(5, TestIntAttribute("k", 2));
  const std::string newer = TestFunction(
      "New", {"a"}, {"b"}, {TestCall("Older", {"a"}, {"c"}), TestNode("Neg", {"c"}, {"b"})}, 13);
  const std::string older = TestFunction("Older", {"a"}, {"b"}, {TestNode("Abs", {"a"}, {"b"})}, 7);
  const std::string file = Model({old, TestCall("New", {"m"}, {"y"})}, {newer, older}, 9);
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto calls = InlineFunctions(model);
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(model.opsets.at(""), 13);
  EXPECT_EQ(model.graph.nodes.at(0).inputs.size(), 2u);
}

TEST(FunctionOpsetsTest, GraphsThatACallGivesAreOfTheCallersSet) {
  // Squeeze in operator set 17 takes no attribute: what looks like one must stay.
  std::string squeeze = TestNode("Squeeze", {"x"}, {"s"});
  base::WireWriter(squeeze).Bytes(5, TestIntAttribute("axes", 7));
  const std::string given = TestGraph{
      .nodes = {squeeze},
      .inputs = {},
      .outputs = {TestValue("s", ElementType::kFloat, {})},
      .initializers = {}}.Bytes();
  std::string call = TestNode("Run", {"x"}, {"y"}, given);
  base::WireWriter(call).Bytes(7, "test");
  std::string block = TestNode("If", {"a"}, {"b"});
  base::WireWriter(block).Bytes(5, TestReference("then_branch", "body"));
  const std::string file = Model({call}, {TestFunction("Run", {"a"}, {"b"}, {block}, 9)}, 17);
  auto model = *ReadOnnxModel(AsBytes(file));
  ASSERT_TRUE(InlineFunctions(model).ok());
  EXPECT_TRUE(model.graph.nodes.at(0).subgraphs.at(0).graphs.at(0).nodes.at(0).Has("axes"));
}

TEST(FunctionOpsetsTest, WhatCannotBeSaidIsRefusedAllByName) {
  const auto function = [](const char* name, const char* op, uint64_t opset) {
    return TestFunction(name, {"a"}, {"b"}, {TestNode(op, {"a"}, {"b"}, {}, "inner")}, opset);
  };
  ExpectRefused(
      Model({TestCall("A", {"x"}, {"m"}), TestCall("B", {"m"}, {"n"}), TestCall("C", {"n"}, {"y"})},
            {function("A", "ImageScaler", 9), function("B", "Dropout", 6), function("C", "Neg", 8),
             function("Unused", "Neg", 5)},
            17),
      StatusCode::kUnimplemented,
      {"'test.A' has ai.onnx 9, the model has 17", "'test.B' has ai.onnx 6",
       "'test.C' has ai.onnx 8", "in ai.onnx 17 one cannot say",
       "(ImageScaler): newer operator sets do not have it",
       "(Dropout): without is_test it trains"});
}

TEST(FunctionOpsetsTest, SetsThatNobodyKnowsAreRefused) {
  for (const uint64_t opset : {uint64_t{0}, uint64_t{22}, uint64_t{1} << 62, ~uint64_t{0}}) {
    ExpectRefused(
        Model({TestCall("F", {"x"}, {"y"})},
              {TestFunction("F", {"a"}, {"b"}, {TestNode("Neg", {"a"}, {"b"})}, opset)}, 17),
        StatusCode::kUnimplemented, {"'test.F' has ai.onnx", "the model has 17"});
  }
}

TEST(FunctionOpsetsTest, SetsOfOtherDomainsMustBeTheModels) {
  std::string node = TestNode("Scaler", {"a"}, {"b"});
  base::WireWriter(node).Bytes(7, "ai.onnx.ml");
  const auto opset = [](uint64_t version) {
    std::string id;
    base::WireWriter(id).Bytes(1, "ai.onnx.ml");
    base::WireWriter(id).Varint(2, version);
    return id;
  };
  std::string function = TestFunction("F", {"a"}, {"b"}, {node});
  base::WireWriter(function).Bytes(9, opset(1));
  std::string file = Model({TestCall("F", {"x"}, {"y"})}, {function}, 17);
  base::WireWriter(file).Bytes(8, opset(3));
  ExpectRefused(file, StatusCode::kUnimplemented, {"'test.F' has ai.onnx.ml 1, the model has 3"});
}

TEST(FunctionOpsetsTest, AFunctionWithoutASetTakesTheModels) {
  std::string function;
  base::WireWriter(function).Bytes(1, "F");
  base::WireWriter(function).Bytes(4, "a");
  base::WireWriter(function).Bytes(5, "b");
  base::WireWriter(function).Bytes(7, TestNode("Neg", {"a"}, {"b"}));
  base::WireWriter(function).Bytes(10, "test");
  const std::string file = Model({TestCall("F", {"x"}, {"y"})}, {function}, 11);
  auto model = *ReadOnnxModel(AsBytes(file));
  ASSERT_TRUE(InlineFunctions(model).ok());
  EXPECT_EQ(model.opsets.at(""), 11);
}

TEST(FunctionOpsetsTest, OnlyOperatorsThatChangedAreMisread) {
  const auto misread = [](const std::string& node, uint64_t own, uint64_t models) {
    const std::string file = Model({TestCall("F", {"x"}, {"y"})},
                                   {TestFunction("F", {"a"}, {"b"}, {node}, own)}, models);
    return HasMisreadFunctions(*ReadOnnxModel(AsBytes(file)));
  };
  const std::string softmax = TestNode("Softmax", {"a"}, {"b"});
  EXPECT_TRUE(misread(softmax, 12, 13));
  EXPECT_TRUE(misread(softmax, 13, 12));
  EXPECT_FALSE(misread(softmax, 13, 21));
  EXPECT_FALSE(misread(softmax, 7, 12));
  EXPECT_FALSE(misread(TestNode("Relu", {"a"}, {"b"}), 7, 21));
  EXPECT_TRUE(misread(softmax, 0, ~uint64_t{0} >> 1));
  const std::string inner = TestGraph{
      .nodes = {softmax},
      .inputs = {},
      .outputs = {TestValue("b", ElementType::kFloat, {})},
      .initializers = {}}.Bytes();
  EXPECT_TRUE(misread(TestNode("Loop", {"a"}, {"b"}, inner), 12, 13));
}

TEST(FunctionOpsetsTest, RecursionAcrossDomainsIsRefused) {
  const auto call = [](const char* function, const char* domain) {
    std::string node = TestNode(function, {"a"}, {"b"});
    base::WireWriter(node).Bytes(7, domain);
    return node;
  };
  std::string other = TestFunction("G", {"a"}, {"b"}, {call("F", "test")}, 7);
  base::WireWriter(other).Bytes(10, "other");
  const std::string own = TestFunction("F", {"a"}, {"b"}, {call("G", "other")}, 9);
  ExpectRefused(Model({TestCall("F", {"x"}, {"y"})}, {own, other}, 17),
                StatusCode::kInvalidArgument, {"'test.F' calls 'other.G' calls 'test.F'"});
}

}  // namespace
}  // namespace slipway::graph

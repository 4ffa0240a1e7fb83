#include "graph/model_cleanup.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

std::string Weight(std::string_view name) {
  return TestTensor(name, ElementType::kFloat, {}, "1234");
}

std::string Model(const std::vector<std::string>& nodes,
                  const std::vector<std::string>& initializers = {}) {
  const TestGraph graph{.nodes = nodes,
                        .inputs = {TestValue("x", ElementType::kFloat, {2}),
                                   TestValue("default", ElementType::kFloat, {})},
                        .outputs = {TestValue("y", ElementType::kFloat, {2})},
                        .initializers = initializers};
  return TestModel(graph.Bytes());
}

TEST(ModelCleanupTest, WhatNoOutputNeedsGoes) {
  std::string file =
      Model({TestNode("Neg", {"x"}, {"dead"}), TestNode("Add", {"dead", "unused"}, {"deader"}),
             TestNode("Add", {"x", "w"}, {"y"})},
            {Weight("w"), Weight("unused"), Weight("lost"), Weight("default")});
  std::string opset;
  base::WireWriter(opset).Bytes(1, "com.nobody");
  base::WireWriter(opset).Varint(2, 1);
  base::WireWriter(file).Bytes(8, opset);
  auto model = *ReadOnnxModel(AsBytes(file));
  const Cleanup removed = RemoveUnused(model);
  EXPECT_EQ(removed.nodes, 2u);
  EXPECT_EQ(removed.initializers, 2u);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_EQ(model.graph.nodes[0].op_type, "Add");
  ASSERT_EQ(model.graph.initializers.size(), 2u);
  EXPECT_EQ(model.graph.initializers[1].name, "default");
  EXPECT_EQ(model.graph.inputs.size(), 2u);
  EXPECT_EQ(model.opsets.size(), 1u);
}

TEST(ModelCleanupTest, AnIdentityStaysOnlyWhereItNamesAnOutput) {
  const std::string file =
      Model({TestNode("Identity", {"x"}, {"a"}), TestNode("Identity", {"a"}, {"b"}),
             TestNode("Neg", {"b"}, {"c"}), TestNode("Identity", {"c"}, {"y"})});
  auto model = *ReadOnnxModel(AsBytes(file));
  EXPECT_EQ(RemoveUnused(model).nodes, 2u);
  ASSERT_EQ(model.graph.nodes.size(), 2u);
  EXPECT_EQ(model.graph.nodes[0].inputs[0], "x");
  EXPECT_EQ(model.graph.nodes[1].op_type, "Identity");
}

TEST(ModelCleanupTest, ASecondTimeFindsNothing) {
  const std::string body = TestGraph{
      .nodes = {TestNode("Neg", {"a"}, {"inner"})},
      .inputs = {},
      .outputs = {TestValue("inner", ElementType::kFloat, {2})},
      .initializers = {}}.Bytes();
  const std::string file =
      Model({TestNode("Identity", {"x"}, {"a"}), TestNode("Block", {}, {"dead"}, body),
             TestNode("Neg", {"a"}, {"y"})});
  auto model = *ReadOnnxModel(AsBytes(file));
  EXPECT_EQ(RemoveUnused(model).nodes, 2u);
  EXPECT_EQ(RemoveUnused(model).nodes, 0u);
}

TEST(ModelCleanupTest, WhatGraphsInsideNodesTakeStays) {
  const std::string body = TestGraph{
      .nodes = {TestNode("Add", {"a", "w"}, {"inner"})},
      .inputs = {},
      .outputs = {TestValue("inner", ElementType::kFloat, {2})},
      .initializers = {}}.Bytes();
  const std::string file = Model(
      {TestNode("Identity", {"x"}, {"a"}), TestNode("Block", {}, {"y"}, body)}, {Weight("w")});
  auto model = *ReadOnnxModel(AsBytes(file));
  const Cleanup removed = RemoveUnused(model);
  EXPECT_EQ(removed.nodes + removed.initializers, 0u);
  EXPECT_TRUE(ReadOnnxSummary(AsBytes(WriteOnnxModel(model))).ok());
}

}  // namespace
}  // namespace slipway::graph

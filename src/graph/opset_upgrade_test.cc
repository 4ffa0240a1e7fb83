// What is rewritten and what is named instead. That answers stay the same is tested with a runtime,
// in import/onnx.
#include "graph/opset_upgrade.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/onnx_summary.h"
#include "graph/opset_rules.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

std::string Model(const std::vector<std::string>& nodes, uint64_t opset) {
  const TestGraph graph{.nodes = nodes,
                        .inputs = {TestValue("x", ElementType::kFloat, {2, 3})},
                        .outputs = {TestValue("y", ElementType::kFloat, {})},
                        .initializers = {}};
  return TestModel(graph.Bytes(), opset);
}

std::string WithInt(std::string node, std::string_view name, int64_t value) {
  base::WireWriter(node).Bytes(5, TestIntAttribute(name, value));
  return node;
}

OpsetUpgrade Upgrade(const std::string& file, OnnxModel& model) {
  model = *ReadOnnxModel(AsBytes(file));
  const auto upgrade = UpgradeOpset({}, model);
  EXPECT_TRUE(upgrade.ok()) << upgrade.status();
  EXPECT_TRUE(ReadOnnxSummary(AsBytes(WriteOnnxModel(model))).ok());
  return upgrade.ok() ? *upgrade : OpsetUpgrade();
}

TEST(OpsetUpgradeTest, AttributesBecomeInputs) {
  OnnxModel model;
  const std::string file = Model({WithInt(TestNode("TopK", {"x"}, {"y", "i"}), "k", 2)}, 9);
  const OpsetUpgrade upgrade = Upgrade(file, model);
  EXPECT_EQ(upgrade.to, GraphBuilder::kOpset);
  EXPECT_EQ(upgrade.rewritten, 1u);
  EXPECT_EQ(model.opsets.at(""), GraphBuilder::kOpset);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_FALSE(model.graph.nodes[0].Has("k"));
  ASSERT_EQ(model.graph.initializers.size(), 1u);
  ASSERT_EQ(model.graph.nodes[0].inputs.size(), 2u);
  EXPECT_EQ(model.graph.nodes[0].inputs[1], model.graph.initializers[0].name);
}

TEST(OpsetUpgradeTest, NewerModelsStayAsTheyAre) {
  for (const uint64_t opset : {21, 22, 99}) {
    OnnxModel model;
    const std::string file = Model({WithInt(TestNode("TopK", {"x"}, {"y"}), "k", 2)}, opset);
    const OpsetUpgrade upgrade = Upgrade(file, model);
    EXPECT_EQ(upgrade.to, upgrade.from);
    EXPECT_TRUE(upgrade.obstacles.empty());
    EXPECT_TRUE(model.graph.nodes[0].Has("k"));
  }
}

TEST(OpsetUpgradeTest, ObstaclesAreAllNamedAndNothingIsChanged) {
  const std::string file =
      Model({WithInt(TestNode("Add", {"x", "x"}, {"a"}, {}, "sum"), "axis", 0),
             TestNode("ImageScaler", {"a"}, {"b"}), WithInt(TestNode("TopK", {"b"}, {"c"}), "k", 2),
             TestNode("Dropout", {"c"}, {"y"}, {}, "drop")},
            6);
  OnnxModel model;
  const OpsetUpgrade upgrade = Upgrade(file, model);
  EXPECT_EQ(upgrade.to, 6);
  EXPECT_EQ(
      upgrade.obstacles,
      (std::vector<std::string>{"node 'sum' (Add): broadcasting from an axis is gone",
                                "the node of 'b' (ImageScaler): newer operator sets do not have it",
                                "node 'drop' (Dropout): without is_test it trains"}));
  EXPECT_TRUE(model.graph.nodes[2].Has("k"));
  EXPECT_EQ(model.opsets.at(""), 6);
}

TEST(OpsetUpgradeTest, UnusedOutputsOfTrainingGo) {
  OnnxModel model;
  const std::string file = Model({TestNode("Dropout", {"x"}, {"d", "mask"}),
                                  TestNode("BatchNormalization", {"d", "x", "x", "x", "x"},
                                           {"y", "mean", "var", "saved_mean", "saved_var"})},
                                 9);
  EXPECT_TRUE(Upgrade(file, model).obstacles.empty());
  EXPECT_EQ(model.graph.nodes[0].outputs.size(), 1u);
  EXPECT_EQ(model.graph.nodes[1].outputs.size(), 1u);
}

TEST(OpsetUpgradeTest, OtherDomainsAreNotTouched) {
  std::string node = WithInt(TestNode("TopK", {"x"}, {"y"}), "k", 2);
  base::WireWriter(node).Bytes(7, "com.example");
  OnnxModel model;
  const std::string file = Model({node}, 9);
  EXPECT_EQ(Upgrade(file, model).rewritten, 0u);
  EXPECT_TRUE(model.graph.nodes[0].Has("k"));
}

TEST(OpsetUpgradeTest, DamagedAttributesAreRefused) {
  std::string text;
  base::WireWriter(text).Bytes(1, "k");
  base::WireWriter(text).Bytes(3, "no number");
  std::string node = TestNode("TopK", {"x"}, {"y"}, {}, "top");
  base::WireWriter(node).Bytes(5, text);
  const std::string file = Model({node}, 9);
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto upgrade = UpgradeOpset({}, model);
  ASSERT_FALSE(upgrade.ok());
  EXPECT_NE(upgrade.status().message().find("node 'top' (TopK)"), std::string::npos)
      << upgrade.status();
}

TEST(OpsetUpgradeTest, RulesSpeakOfOperatorsThatExist) {
  EXPECT_TRUE(IsStandardOperator("Add"));
  EXPECT_TRUE(IsStandardOperator("Xor"));
  EXPECT_FALSE(IsStandardOperator("ImageScaler"));
  EXPECT_FALSE(IsStandardOperator(""));
  EXPECT_NE(FindOpsetRule("Softmax", 13), nullptr);
  EXPECT_EQ(FindOpsetRule("Softmax", 12), nullptr);
  EXPECT_EQ(FindOpsetRule("Relu", 14), nullptr);
}

}  // namespace
}  // namespace slipway::graph

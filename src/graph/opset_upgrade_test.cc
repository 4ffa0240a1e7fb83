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
  const auto types = InferTypes(model);
  EXPECT_TRUE(types.ok()) << types.status();
  const auto upgrade = UpgradeOpset(*types, model);
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

std::string WithGraph(std::string node, std::string_view attribute, const std::string& graph) {
  std::string one;
  base::WireWriter(one).Bytes(1, attribute);
  base::WireWriter(one).Bytes(6, graph);
  base::WireWriter(node).Bytes(5, one);
  return node;
}

std::string Floats(std::string_view name, const std::vector<float>& values) {
  return TestTensor(name, ElementType::kFloat, {static_cast<int64_t>(values.size())},
                    {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

// Nodes of operator set 10 that make `out` of a value of [2, 3]: what they become is seen by
// constants and types. `scales` is the name of the constant.
std::vector<std::string> Upgradable(const std::string& in, const std::string& scales,
                                    const std::string& out) {
  return {TestNode("Resize", {in, scales}, {out + "_resized"}),
          WithInt(TestNode("Softmax", {out + "_resized"}, {out}), "axis", 1)};
}

std::string Untyped(std::string_view name) {
  std::string value;
  base::WireWriter(value).Bytes(1, name);
  return value;
}

// The graphs of a node that runs them: each of these must have become set 21's two nodes.
void ExpectUpgraded(const ModelNode& node, size_t graphs) {
  size_t found = 0;
  for (const ModelSubgraph& subgraph : node.subgraphs) {
    for (const ModelGraph& graph : subgraph.graphs) {
      ++found;
      ASSERT_GE(graph.nodes.size(), 2u);
      const ModelNode& resize = graph.nodes[graph.nodes.size() - 2];
      EXPECT_EQ(resize.op_type, "Resize");
      ASSERT_EQ(resize.inputs.size(), 3u);
      EXPECT_EQ(*resize.Text("nearest_mode", ""), "ceil");
      EXPECT_EQ(graph.nodes.back().op_type, "Softmax");  // of the last axis, without Flatten
      EXPECT_EQ(*graph.nodes.back().Int("axis", 0), -1);
    }
  }
  EXPECT_EQ(found, graphs);
}

TEST(OpsetUpgradeTest, BranchesOfIfSeeTheirConstantsAndThoseAroundThem) {
  const std::string one = TestGraph{
      .nodes = Upgradable("x", "own", "a"),
      .inputs = {},
      .outputs = {Untyped("a")},
      .initializers = {Floats(
          "own", {0.5, 1})}}.Bytes();
  const std::string other = TestGraph{
      .nodes = Upgradable("x", "outer", "b"),
      .inputs = {},
      .outputs = {Untyped("b")},
      .initializers = {}}.Bytes();
  const std::string choice =
      WithGraph(WithGraph(TestNode("If", {"c"}, {"y"}), "then_branch", one), "else_branch", other);
  const TestGraph graph{.nodes = {choice},
                        .inputs = {TestValue("x", ElementType::kFloat, {2, 3}),
                                   TestValue("c", ElementType::kBool, {})},
                        .outputs = {TestValue("y", ElementType::kFloat, {})},
                        .initializers = {Floats("outer", {1, 0.25})}};
  const std::string file = TestModel(graph.Bytes(), 10);
  OnnxModel model;
  const OpsetUpgrade upgrade = Upgrade(file, model);
  EXPECT_EQ(upgrade.obstacles, std::vector<std::string>());
  EXPECT_EQ(upgrade.rewritten, 4u);
  ExpectUpgraded(model.graph.nodes[0], 2);
}

TEST(OpsetUpgradeTest, BodiesOfLoopsSeeConstantsThatTheirNodesMake) {
  std::vector<std::string> nodes = {TestNode("Identity", {"on"}, {"goes_on"})};
  std::string constant = TestNode("Constant", {}, {"own"});
  std::string value;
  base::WireWriter(value).Bytes(1, "value");
  base::WireWriter(value).Bytes(5, Floats("", {1, 0.5}));
  base::WireWriter(constant).Bytes(5, value);
  nodes.push_back(constant);
  for (const std::string& node : Upgradable("s", "own", "t")) nodes.push_back(node);
  const std::string body = TestGraph{
      .nodes = nodes,
      .inputs = {Untyped("i"), Untyped("on"), Untyped("s")},
      .outputs = {Untyped("goes_on"), Untyped("t")},
      .initializers = {}}.Bytes();
  const TestGraph graph{
      .nodes = {WithGraph(TestNode("Loop", {"m", "c", "x"}, {"y"}), "body", body)},
      .inputs = {TestValue("x", ElementType::kFloat, {2, 3}),
                 TestValue("m", ElementType::kInt64, {}), TestValue("c", ElementType::kBool, {})},
      .outputs = {TestValue("y", ElementType::kFloat, {})},
      .initializers = {}};
  const std::string file = TestModel(graph.Bytes(), 10);
  OnnxModel model;
  EXPECT_EQ(Upgrade(file, model).obstacles, std::vector<std::string>());
  ExpectUpgraded(model.graph.nodes[0], 1);
}

TEST(OpsetUpgradeTest, BodiesOfScansSeeTheirTypes) {
  const std::string body = TestGraph{
      .nodes = Upgradable("e", "own", "t"),
      .inputs = {Untyped("e")},
      .outputs = {Untyped("t")},
      .initializers = {Floats(
          "own", {0.5, 1})}}.Bytes();
  std::string scan = WithInt(TestNode("Scan", {"x"}, {"y"}), "num_scan_inputs", 1);
  const TestGraph graph{.nodes = {WithGraph(scan, "body", body)},
                        .inputs = {TestValue("x", ElementType::kFloat, {4, 2, 3})},
                        .outputs = {TestValue("y", ElementType::kFloat, {})},
                        .initializers = {}};
  const std::string file = TestModel(graph.Bytes(), 10);
  OnnxModel model;
  EXPECT_EQ(Upgrade(file, model).obstacles, std::vector<std::string>());
  ExpectUpgraded(model.graph.nodes[0], 1);
}

TEST(OpsetUpgradeTest, AnInputOfABodyHidesAConstantAroundIt) {
  const std::string body = TestGraph{
      .nodes = Upgradable("x", "scales", "t"),
      .inputs = {Untyped("scales")},
      .outputs = {Untyped("t")},
      .initializers = {}}.Bytes();
  std::string scan = WithInt(TestNode("Scan", {"all_scales"}, {"y"}), "num_scan_inputs", 1);
  const TestGraph graph{.nodes = {WithGraph(scan, "body", body)},
                        .inputs = {TestValue("x", ElementType::kFloat, {2, 3}),
                                   TestValue("all_scales", ElementType::kFloat, {4, 2})},
                        .outputs = {TestValue("y", ElementType::kFloat, {})},
                        .initializers = {Floats("scales", {1, 0.5})}};
  const std::string file = TestModel(graph.Bytes(), 10);
  OnnxModel model = *ReadOnnxModel(AsBytes(file));
  const auto upgrade = UpgradeOpset({}, model);
  ASSERT_TRUE(upgrade.ok()) << upgrade.status();
  ASSERT_EQ(upgrade->obstacles.size(), 1u);
  EXPECT_NE(upgrade->obstacles[0].find("(Resize): it rounds up"), std::string::npos);
}

TEST(OpsetUpgradeTest, UpsampleOfSet9BecomesResizeInEverySetThatLacksIt) {
  for (const int64_t to : {9, 10, 11, 13, 21}) {
    const std::string file = Model({TestNode("Upsample", {"x", "x"}, {"y"})}, 9);
    OnnxModel model = *ReadOnnxModel(AsBytes(file));
    const auto upgrade = UpgradeTo(to, {}, model);
    ASSERT_TRUE(upgrade.ok()) << upgrade.status();
    EXPECT_TRUE(upgrade->obstacles.empty());
    EXPECT_EQ(model.graph.nodes[0].op_type, to == 9 ? "Upsample" : "Resize");
    ASSERT_EQ(model.graph.nodes[0].inputs.size(), to < 11 ? 2u : 3u);
    EXPECT_EQ(model.graph.nodes[0].inputs[1].empty(), to >= 13);  // roi, which was not optional
    const std::string mode(*model.graph.nodes[0].Text("nearest_mode", ""));
    EXPECT_EQ(mode, to < 11 ? "" : "floor");
  }
}

TEST(OpsetUpgradeTest, UpsampleThatAModelsSetLacksIsThatOfSet9) {
  for (const int64_t set : {10, 12, 17}) {
    const std::string file =
        Model({TestNode("Upsample", {"x", "x"}, {"u"}), TestNode("Softmax", {"u"}, {"y"})},
              static_cast<uint64_t>(set));
    OnnxModel model = *ReadOnnxModel(AsBytes(file));
    const auto kept = UpgradeTo(set, {}, model);
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ(kept->rewritten, 1u);
    EXPECT_EQ(model.opsets.at(""), set);
    EXPECT_EQ(model.graph.nodes.size(), 2u);
    EXPECT_EQ(model.graph.nodes[0].op_type, "Resize");
    Upgrade(file, model);
    EXPECT_EQ(model.graph.nodes[0].op_type, "Resize");
  }
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

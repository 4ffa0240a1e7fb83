#include "graph/onnx_model.h"

#include <gtest/gtest.h>

#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

TestGraph AddGraph() {
  return {.nodes = {TestNode("Add", {"x", "w"}, {"y"}, {}, "sum")},
          .inputs = {TestValue("x", ElementType::kFloat, {2})},
          .outputs = {TestValue("y", ElementType::kFloat, {2})},
          .initializers = {TestTensor("w", ElementType::kFloat, {2}, std::string(8, 'w'))}};
}

TEST(OnnxModelTest, WritesWhatItRead) {
  const std::string body =
      TestGraph{.nodes = {TestNode("Neg", {"x"}, {"n"})},
                .inputs = {},
                .outputs = {TestValue("n", ElementType::kFloat, {2})},
                .initializers = {TestTensor("c", ElementType::kFloat, {}, "1234")}}
          .Bytes();
  TestGraph graph = AddGraph();
  graph.nodes.push_back(TestNode("Block", {"y"}, {"z"}, body));
  std::string file = TestModel(graph.Bytes());
  base::WireWriter(file).Bytes(2, "producer");
  base::WireWriter(file).Bytes(14, TestEntry("key", "value"));
  base::WireWriter(file).Bytes(25,
                               TestFunction("F", {"a"}, {"b"}, {TestNode("Neg", {"a"}, {"b"})}));
  const auto model = ReadOnnxModel(AsBytes(file));
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 2u);
  EXPECT_EQ(model->graph.nodes[0].name, "sum");
  ASSERT_EQ(model->graph.nodes[1].subgraphs.size(), 1u);
  EXPECT_EQ(model->graph.nodes[1].subgraphs[0].graphs.at(0).nodes.at(0).op_type, "Neg");
  EXPECT_EQ(model->opsets.at(""), 17);
  ASSERT_EQ(model->functions.size(), 1u);
  EXPECT_EQ(model->functions[0].ToString(), "test.F");

  const std::string written = WriteOnnxModel(*model);
  const auto before = ReadOnnxSummary(AsBytes(file));
  const auto after = ReadOnnxSummary(AsBytes(written));
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->producer_name, "producer");
  EXPECT_EQ(after->metadata, before->metadata);
  EXPECT_EQ(after->functions, before->functions);
  EXPECT_EQ(after->node_count, before->node_count);
  EXPECT_EQ(after->parameter_bytes, before->parameter_bytes);
  EXPECT_EQ(WriteOnnxModel(*ReadOnnxModel(AsBytes(written))), written);
}

TEST(OnnxModelTest, FreshNamesAreFree) {
  const std::string file = TestModel(AddGraph().Bytes());
  auto model = *ReadOnnxModel(AsBytes(file));
  FreshNames names(model);
  EXPECT_EQ(names.Make("free"), "free");
  EXPECT_NE(names.Make("free"), "free");
  for (const char* taken : {"x", "y", "w", "sum"}) {
    const std::string_view made = names.Make(taken);
    EXPECT_NE(made, taken);
    EXPECT_TRUE(made.starts_with(taken));
  }
}

TEST(OnnxModelTest, DamagedFilesAreRefused) {
  const std::string file = TestModel(AddGraph().Bytes());
  for (size_t size = 0; size < file.size(); ++size) {
    const auto model = ReadOnnxModel(AsBytes(file).first(size));
    if (!model.ok()) continue;
    EXPECT_TRUE(ReadOnnxModel(AsBytes(WriteOnnxModel(*model))).ok()) << size;
  }
}

}  // namespace
}  // namespace slipway::graph

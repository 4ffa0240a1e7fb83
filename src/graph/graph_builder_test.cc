#include "graph/graph_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <span>

#include "graph/onnx_summary.h"

namespace slipway::graph {
namespace {

using testing::ElementsAre;
using testing::Pair;

OnnxSummary Summary(const std::string& file) {
  auto summary = ReadOnnxSummary(std::as_bytes(std::span(file)));
  EXPECT_TRUE(summary.ok()) << summary.status();
  return summary.ok() ? *std::move(summary) : OnnxSummary();
}

TEST(GraphBuilderTest, WritesAModelThatOurReaderAccepts) {
  GraphBuilder graph("line");
  const Value x = graph.AddInput("x", ElementType::kDouble, {"batch", int64_t{2}});
  const Value w = graph.Add(DoubleConstant(std::array{0.5, -1.0}, {2, 1}), "weights");
  const Value y = graph.Node("MatMul", {x, w});
  EXPECT_EQ(y.type, ElementType::kDouble);
  graph.AddOutput(y, "y", {"batch", int64_t{1}});
  graph.SetMetadata("made by", "a test");
  const OnnxSummary summary = Summary(std::move(graph).Finish());
  EXPECT_EQ(summary.graph_name, "line");
  EXPECT_EQ(summary.producer_name, "slipway");
  ASSERT_EQ(summary.inputs.size(), 1U);
  EXPECT_EQ(summary.inputs[0].name, "x");
  EXPECT_THAT(summary.inputs[0].dims, ElementsAre(-1, 2));
  EXPECT_THAT(summary.inputs[0].dim_names, ElementsAre("batch", ""));
  ASSERT_EQ(summary.outputs.size(), 1U);
  EXPECT_EQ(summary.outputs[0].element_type, ElementType::kDouble);
  EXPECT_EQ(summary.parameter_count, 2U);
  EXPECT_EQ(summary.node_count, 2U);
  EXPECT_THAT(summary.metadata, ElementsAre(Pair("made by", "a test")));
  EXPECT_THAT(summary.opsets, ElementsAre(Pair("ai.onnx", 21)));
}

TEST(GraphBuilderTest, NamesEveryDomainThatANodeUses) {
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kString, {"batch", int64_t{1}});
  const Value code = graph.Node("LabelEncoder", {x},
                                {{"keys_strings", std::vector<std::string>{"a", "b"}},
                                 {"values_int64s", std::vector<int64_t>{0, 1}},
                                 {"default_int64", int64_t{-1}}},
                                ElementType::kInt64, GraphBuilder::kMlDomain);
  graph.AddOutput(code, "code", {"batch", int64_t{1}});
  const OnnxSummary summary = Summary(std::move(graph).Finish());
  EXPECT_THAT(summary.opsets, ElementsAre(Pair("ai.onnx", 21), Pair("ai.onnx.ml", 5)));
  EXPECT_EQ(summary.outputs[0].element_type, ElementType::kInt64);
}

TEST(GraphBuilderTest, RoundsRealsToTheTypeThatIsAskedFor) {
  EXPECT_EQ(RealConstant(ElementType::kFloat, std::array{0.1}, {1}).bytes,
            FloatConstant(std::array{0.1F}, {1}).bytes);
  EXPECT_EQ(RealConstant(ElementType::kDouble, std::array{0.1}, {1}).bytes,
            DoubleConstant(std::array{0.1}, {1}).bytes);
}

TEST(GraphBuilderTest, KeepsTextsAndScalars) {
  GraphBuilder graph("g");
  const Value names = graph.Add(TextConstant({"no", "yes"}, {2}), "classes");
  const Value one = graph.Scalar(ElementType::kInt64, 1);
  graph.AddOutput(graph.Node("Gather", {names, one}), "label", {});
  const OnnxSummary summary = Summary(std::move(graph).Finish());
  EXPECT_EQ(summary.parameter_count, 3U);
  EXPECT_EQ(summary.outputs[0].element_type, ElementType::kString);
}

TEST(GraphBuilderTest, JoinsAndConvertsOnlyWhereThereIsSomethingToDo) {
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{3}});
  EXPECT_EQ(graph.Cast(x, ElementType::kFloat).name, "x");
  EXPECT_EQ(graph.Concat({x}).name, "x");
  const Value wide =
      graph.Cast(graph.Columns(x, std::array<int64_t, 2>{2, 0}), ElementType::kDouble);
  graph.AddOutput(graph.Concat({wide, wide}), "y", {"batch", int64_t{4}});
  EXPECT_EQ(Summary(std::move(graph).Finish()).node_count, 4U);
}

}  // namespace
}  // namespace slipway::graph

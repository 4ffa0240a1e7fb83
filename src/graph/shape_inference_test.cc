#include "graph/shape_inference.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

std::string Ints(std::string_view name, const std::vector<int64_t>& values) {
  return TestTensor(name, ElementType::kInt64, {static_cast<int64_t>(values.size())},
                    {reinterpret_cast<const char*>(values.data()), values.size() * 8});
}

std::string WithInt(std::string node, std::string_view name, int64_t value) {
  base::WireWriter(node).Bytes(5, TestIntAttribute(name, value));
  return node;
}

// x FLOAT[batch,3], z FLOAT[4,5], d DOUBLE[3], t INT64[batch], y is what the last node makes.
std::string Model(const std::vector<std::string>& nodes,
                  const std::vector<std::string>& outputs = {
                      TestValue("y", ElementType::kFloat, {})}) {
  const TestGraph graph{.nodes = nodes,
                        .inputs = {TestValue("x", ElementType::kFloat, {"batch", 3}),
                                   TestValue("z", ElementType::kFloat, {4, 5}),
                                   TestValue("d", ElementType::kDouble, {3}),
                                   TestValue("t", ElementType::kInt64, {"batch"})},
                        .outputs = outputs,
                        .initializers = {Ints("one", {1}), Ints("zero_minus", {0, -1}),
                                         Ints("two_ten", {2, 10}), Ints("three_seven", {3, 7})}};
  return TestModel(graph.Bytes());
}

std::string TypeOfY(const std::vector<std::string>& nodes) {
  const std::string file = Model(nodes);
  const auto model = *ReadOnnxModel(AsBytes(file));
  const auto types = InferTypes(model);
  if (!types.ok()) return types.status().message();
  const auto y = types->main.find("y");
  if (y == types->main.end()) return "unknown";
  std::ostringstream text;
  text << y->second;
  return text.str();
}

struct Case {
  const char* name;
  std::vector<std::string> nodes;
  const char* type;
};

class ShapeInferenceTest : public testing::TestWithParam<Case> {};

TEST_P(ShapeInferenceTest, FollowsOrRefuses) {
  EXPECT_EQ(TypeOfY(GetParam().nodes), GetParam().type);
}

INSTANTIATE_TEST_SUITE_P(
    Operators, ShapeInferenceTest,
    testing::Values(
        Case{"Unary", {TestNode("Relu", {"x"}, {"y"})}, "FLOAT[batch,3]"},
        Case{"Broadcast",
             {TestNode("Unsqueeze", {"x", "one"}, {"u"}), TestNode("Add", {"u", "x"}, {"y"})},
             "FLOAT[batch,batch,3]"},
        Case{"Comparison", {TestNode("Less", {"z", "z"}, {"y"})}, "BOOL[4,5]"},
        Case{"Where",
             {TestNode("IsNaN", {"z"}, {"c"}), TestNode("Where", {"c", "z", "z"}, {"y"})},
             "FLOAT[4,5]"},
        Case{"Cast", {WithInt(TestNode("Cast", {"x"}, {"y"}), "to", 11)}, "DOUBLE[batch,3]"},
        Case{"MatMul",
             {TestNode("Transpose", {"z"}, {"w"}), TestNode("MatMul", {"z", "w"}, {"y"})},
             "FLOAT[4,4]"},
        Case{"MatMulOfAVector",
             {WithInt(TestNode("Cast", {"d"}, {"v"}), "to", 1),
              TestNode("MatMul", {"x", "v"}, {"y"})},
             "FLOAT[batch]"},
        Case{"Gemm", {WithInt(TestNode("Gemm", {"z", "z"}, {"y"}), "transB", 1)}, "FLOAT[4,4]"},
        Case{"Reshape", {TestNode("Reshape", {"z", "two_ten"}, {"y"})}, "FLOAT[2,10]"},
        Case{
            "ReshapeTakesTheRest", {TestNode("Reshape", {"z", "zero_minus"}, {"y"})}, "FLOAT[4,5]"},
        Case{"ReshapeByAShape",
             {TestNode("Shape", {"x"}, {"s"}), TestNode("Reshape", {"x", "s"}, {"y"})},
             "FLOAT[-1,-1]"},
        Case{"Concat", {WithInt(TestNode("Concat", {"z", "z"}, {"y"}), "axis", -1)}, "FLOAT[4,10]"},
        Case{"Gather",
             {WithInt(TestNode("Gather", {"z", "t"}, {"y"}), "axis", 1)},
             "FLOAT[4,batch]"},
        Case{"ReduceByInput", {TestNode("ReduceSum", {"z", "one"}, {"y"})}, "FLOAT[4,1]"},
        Case{"ReduceAll", {WithInt(TestNode("ReduceMax", {"z"}, {"y"}), "keepdims", 0)}, "FLOAT[]"},
        Case{"ArgMax", {WithInt(TestNode("ArgMax", {"z"}, {"y"}), "axis", 1)}, "INT64[4,1]"},
        Case{"TopK", {TestNode("TopK", {"z", "one"}, {"y", "i"})}, "FLOAT[4,1]"},
        Case{"Split", {TestNode("Split", {"z"}, {"y", "b"})}, "FLOAT[-1,5]"},
        Case{"UnknownOperator", {TestNode("Mystery", {"x"}, {"y"})}, "unknown"},
        Case{"AfterUnknown",
             {TestNode("Mystery", {"x"}, {"m"}), TestNode("Add", {"m", "x"}, {"y"})},
             "FLOAT[...]"},
        Case{"OldBroadcast",
             {WithInt(WithInt(TestNode("Add", {"z", "d"}, {"y"}, {}, "old"), "broadcast", 1),
                      "axis", 0)},
             "node 'old' (Add): expected inputs of one type, got FLOAT[4,5] and DOUBLE[3]"},
        Case{"MixedTypes",
             {TestNode("Add", {"x", "d"}, {"y"}, {}, "sum")},
             "node 'sum' (Add): expected inputs of one type, got FLOAT[batch,3] and DOUBLE[3]"},
        Case{"UnfitShapes",
             {TestNode("Mul", {"x", "z"}, {"y"})},
             "the node of 'y' (Mul): expected shapes that broadcast, got [batch,3] and [4,5]"},
        Case{"UnfitProduct",
             {TestNode("MatMul", {"z", "z"}, {"y"})},
             "the node of 'y' (MatMul): expected matrices that can be multiplied, got FLOAT[4,5] "
             "and "
             "FLOAT[4,5]"},
        Case{"UnfitReshape",
             {TestNode("Reshape", {"z", "three_seven"}, {"y"})},
             "the node of 'y' (Reshape): cannot make FLOAT[3,7] of FLOAT[4,5]"},
        Case{"UnfitConcat",
             {WithInt(TestNode("Concat", {"z", "t"}, {"y"}), "axis", 0)},
             "the node of 'y' (Concat): expected inputs of one type, got FLOAT[4,5] and "
             "INT64[batch]"},
        Case{"AxisBeyondRank",
             {WithInt(TestNode("Gather", {"z", "t"}, {"y"}), "axis", 2)},
             "the node of 'y' (Gather): expected an axis of 2 dimensions, got 2"}),
    [](const auto& one) { return one.param.name; });

TEST(CompleteOutputsTest, FillsInWhatIsMissingOrWrong) {
  std::string undeclared;
  base::WireWriter(undeclared).Bytes(1, "u");
  const std::string file = Model(
      {TestNode("Neg", {"z"}, {"u"}), TestNode("Neg", {"z"}, {"w"}), TestNode("Neg", {"x"}, {"y"})},
      {undeclared, TestValue("w", ElementType::kFloat, {7}),
       TestValue("y", ElementType::kFloat, {"rows", "columns"})});
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto types = InferTypes(model);
  ASSERT_TRUE(types.ok()) << types.status();
  ASSERT_TRUE(CompleteOutputs(types->main, model).ok());
  const auto summary = *ReadOnnxSummary(AsBytes(WriteOnnxModel(model)));
  ASSERT_EQ(summary.outputs.size(), 3u);
  EXPECT_EQ(summary.outputs[0].dims, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(summary.outputs[0].element_type, ElementType::kFloat);
  EXPECT_EQ(summary.outputs[1].dims, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(summary.outputs[2].dim_names, (std::vector<std::string>{"rows", "columns"}));
}

TEST(CompleteOutputsTest, RefusesAnotherElementType) {
  const std::string file =
      Model({TestNode("Neg", {"x"}, {"y"})}, {TestValue("y", ElementType::kInt64, {"batch", 3})});
  auto model = *ReadOnnxModel(AsBytes(file));
  const auto types = InferTypes(model);
  ASSERT_TRUE(types.ok()) << types.status();
  const base::Status status = CompleteOutputs(types->main, model);
  EXPECT_EQ(status.message(),
            "output 'y': declared as INT64[batch,3], the nodes make FLOAT[batch,3]");
}

}  // namespace
}  // namespace slipway::graph

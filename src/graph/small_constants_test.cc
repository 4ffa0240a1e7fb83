#include "graph/small_constants.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/testing/onnx_bytes.h"

namespace slipway::graph {
namespace {

std::string Int64s(size_t count) { return std::string(count * 8, '\1'); }

std::string ConstantNode(const std::string& output, const std::string& attribute) {
  std::string node = TestNode("Constant", {}, {output});
  base::WireWriter(node).Bytes(5, attribute);
  return node;
}

std::string TensorAttribute(std::string_view name, std::string_view tensor) {
  std::string attribute;
  base::WireWriter(attribute).Bytes(1, name);
  base::WireWriter(attribute).Bytes(5, tensor);
  return attribute;
}

// A file with these initializers and nodes, and an input "x".
class Constants {
 public:
  Constants(const std::vector<std::string>& initializers, const std::vector<std::string>& nodes)
      : file_(TestModel(TestGraph{.nodes = nodes,
                                  .inputs = {TestValue("x", ElementType::kInt64, {1})},
                                  .outputs = {},
                                  .initializers = initializers}
                            .Bytes())),
        model_(*ReadOnnxModel(AsBytes(file_))),
        constants_(model_.graph) {}

  std::optional<Constant> Find(std::string_view value) const { return constants_.Find(value); }

 private:
  const std::string file_;
  const OnnxModel model_;
  const SmallConstants constants_;
};

TEST(SmallConstantsTest, AreInitializersOfAtMost64Elements) {
  const Constants constants(
      {TestTensor("few", ElementType::kInt64, {8, 8}, Int64s(64)),
       TestTensor("many", ElementType::kInt64, {65}, Int64s(65)),
       TestTensor("none", ElementType::kFloat, {0}, ""),
       TestExternalTensor("away", ElementType::kInt64, {1}, "weights.bin", 0)},
      {});
  const auto few = constants.Find("few");
  ASSERT_TRUE(few);
  EXPECT_EQ(few->type, ElementType::kInt64);
  EXPECT_EQ(few->dims, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(few->bytes, Int64s(64));
  EXPECT_TRUE(constants.Find("none"));
  EXPECT_FALSE(constants.Find("many"));
  EXPECT_FALSE(constants.Find("away"));
  EXPECT_FALSE(constants.Find("elsewhere"));
}

TEST(SmallConstantsTest, AnInputMayReplaceAnInitializer) {
  const Constants constants({TestTensor("x", ElementType::kInt64, {1}, Int64s(1))}, {});
  EXPECT_FALSE(constants.Find("x"));
}

TEST(SmallConstantsTest, AreTensorsAndNumbersOfNodes) {
  std::string list;
  base::WireWriter(list).Bytes(1, "value_ints");
  base::WireWriter(list).Varint(8, 3);
  base::WireWriter(list).Varint(8, static_cast<uint64_t>(-1));
  std::string real;
  base::WireWriter(real).Bytes(1, "value_float");
  base::WireWriter(real).Fixed32(2, 0x3f800000);
  const Constants constants(
      {}, {ConstantNode("tensor", TensorAttribute("value", TestTensor("", ElementType::kInt64, {2},
                                                                      Int64s(2)))),
           ConstantNode("int", TestIntAttribute("value_int", 7)), ConstantNode("ints", list),
           ConstantNode("float", real), TestCall("Constant", {}, {"call"})});
  ASSERT_TRUE(constants.Find("tensor"));
  EXPECT_EQ(constants.Find("tensor")->bytes, Int64s(2));
  ASSERT_TRUE(constants.Find("int"));
  EXPECT_EQ(constants.Find("int")->bytes, std::string("\7\0\0\0\0\0\0\0", 8));
  EXPECT_TRUE(constants.Find("int")->dims.empty());
  ASSERT_TRUE(constants.Find("ints"));
  EXPECT_EQ(constants.Find("ints")->dims, (std::vector<int64_t>{2}));
  EXPECT_EQ(constants.Find("ints")->bytes.substr(8), std::string(8, '\xff'));
  ASSERT_TRUE(constants.Find("float"));
  EXPECT_EQ(constants.Find("float")->type, ElementType::kFloat);
  EXPECT_FALSE(constants.Find("call"));
}

TEST(SmallConstantsTest, WhatIsDamagedOrLongIsNone) {
  std::string padded = TestTensor("padded", ElementType::kInt64, {1}, Int64s(1));
  base::WireWriter(padded).Bytes(12, std::string(3000, 'd'));  // doc_string
  std::string text;
  base::WireWriter(text).Bytes(1, "value_int");
  base::WireWriter(text).Bytes(3, "no number");
  const Constants constants(
      {TestTensor("short", ElementType::kInt64, {2}, Int64s(1)), padded},
      {ConstantNode("text", text), ConstantNode("empty", TensorAttribute("value", ""))});
  for (const char* name : {"short", "padded", "text", "empty"})
    EXPECT_FALSE(constants.Find(name)) << name;
}

}  // namespace
}  // namespace slipway::graph

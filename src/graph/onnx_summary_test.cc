#include "graph/onnx_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file_system.h"
#include "base/str_cat.h"
#include "graph/testing/onnx_bytes.h"
#include "graph/what_it_is.h"

namespace slipway::graph {
namespace {

using base::Result;
using base::StatusCode;
using base::StrCat;
using base::WireWriter;
using testing::HasSubstr;
using testing::SizeIs;

const std::filesystem::path kModels = "tests/models/engine";

std::string Load(const std::string& name) {
  auto bytes = base::RealFileSystem().Read(kModels / name, 1 << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *bytes : "";
}

Result<OnnxSummary> Summarize(const std::string& bytes, const OnnxLimits& limits = {}) {
  return ReadOnnxSummary(AsBytes(bytes), limits);
}

std::string ErrorOf(const std::string& bytes, const OnnxLimits& limits = {}) {
  const Result<OnnxSummary> summary = Summarize(bytes, limits);
  if (summary.ok()) return "OK";
  EXPECT_EQ(summary.status().code(), StatusCode::kInvalidArgument);
  return summary.status().message();
}

TestGraph OneRelu() {
  return {.nodes = {TestNode("Relu", {"x"}, {"y"})},
          .inputs = {TestValue("x", ElementType::kFloat, {"batch", 2})},
          .outputs = {TestValue("y", ElementType::kFloat, {"batch", 2})},
          .initializers = {}};
}

TEST(OnnxSummaryTest, SaysWhatAFileHolds) {
  const Result<OnnxSummary> summary = Summarize(Load("two_inputs.onnx"));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->ir_version, 8);
  EXPECT_EQ(summary->graph_name, "two_inputs");
  EXPECT_EQ(summary->opsets.at("ai.onnx"), 17);
  ASSERT_THAT(summary->inputs, SizeIs(2));
  EXPECT_EQ(StrCat(summary->inputs[0].name, " ", summary->inputs[0]), "a FLOAT[batch,2]");
  EXPECT_EQ(StrCat(summary->inputs[1].name, " ", summary->inputs[1]), "b INT64[batch,2]");
  EXPECT_THAT(summary->outputs, SizeIs(2));
  EXPECT_EQ(summary->node_count, 3u);
  ASSERT_THAT(summary->operators, SizeIs(3));
  EXPECT_EQ(summary->operators[0].domain, "ai.onnx");
  EXPECT_EQ(summary->operators[0].type, "Add");
  EXPECT_EQ(summary->file_bytes, Load("two_inputs.onnx").size());
}

TEST(OnnxSummaryTest, CountsOperatorsOfSubgraphsMostFrequentFirst) {
  const Result<OnnxSummary> summary = Summarize(Load("nested_10.onnx"));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->subgraph_count, 20u);
  ASSERT_FALSE(summary->operators.empty());
  EXPECT_EQ(summary->operators[0].type, "Identity");
  EXPECT_EQ(summary->operators[0].count, 11u);
  EXPECT_EQ(summary->operators[1].type, "If");
  EXPECT_EQ(summary->operators[1].count, 10u);
}

TEST(OnnxSummaryTest, CountsParametersAndTheirBytes) {
  TestGraph graph = OneRelu();
  graph.initializers = {TestTensor("w", ElementType::kFloat, {2, 3}, std::string(24, '\0')),
                        TestTensor("h", ElementType::kInt4, {3}, std::string(2, '\0')),
                        TestTensor("none", ElementType::kFloat, {0, 5}, "")};
  const Result<OnnxSummary> summary = Summarize(TestModel(graph.Bytes()));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->initializer_count, 3u);
  EXPECT_EQ(summary->parameter_count, 9u);
  EXPECT_EQ(summary->parameter_bytes, 26u);
  EXPECT_EQ(summary->external_bytes, 0u);
}

TEST(OnnxSummaryTest, TellsOptionalInputsFromOldFilesInitializers) {
  const Result<OnnxSummary> with_default = Summarize(Load("optional_default.onnx"));
  ASSERT_TRUE(with_default.ok());
  EXPECT_FALSE(with_default->IsOptional(with_default->inputs[0]));
  EXPECT_TRUE(with_default->IsOptional(with_default->inputs[1]));
  const Result<OnnxSummary> old = Summarize(Load("ir3_initializers.onnx"));
  ASSERT_TRUE(old.ok());
  EXPECT_TRUE(old->inputs[1].has_initializer);
  EXPECT_FALSE(old->IsOptional(old->inputs[1]));
}

TEST(OnnxSummaryTest, ListsExternalDataUnjudged) {
  const Result<OnnxSummary> summary = Summarize(Load("external_data/parent_path/1/model.onnx"));
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_THAT(summary->external, SizeIs(1));
  EXPECT_EQ(summary->external[0].name, "weight");
  EXPECT_EQ(summary->external[0].location, "../secret.bin");
  EXPECT_EQ(summary->external[0].place, ExternalTensor::Place::kInitializer);
  EXPECT_EQ(summary->external[0].byte_size, 64u);
  EXPECT_EQ(summary->external[0].length, 64u);
  EXPECT_EQ(summary->external_bytes, 64u);
}

TEST(OnnxSummaryTest, NamesThePlaceOfExternalDataOutsideTheMainGraph) {
  TestGraph body = {
      .nodes = {TestNode("Identity", {"w"}, {"o"})},
      .inputs = {},
      .outputs = {TestValue("o", ElementType::kFloat, {2})},
      .initializers = {TestExternalTensor("w", ElementType::kFloat, {2}, "w.bin", 0)}};
  TestGraph graph = OneRelu();
  graph.nodes.push_back(TestNode("Loop", {"x"}, {"z"}, body.Bytes()));
  const Result<OnnxSummary> summary = Summarize(TestModel(graph.Bytes()));
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_THAT(summary->external, SizeIs(1));
  EXPECT_EQ(summary->external[0].place, ExternalTensor::Place::kSubgraph);
}

TEST(OnnxSummaryTest, ShowsTypesThatAreNoTensors) {
  const Result<OnnxSummary> zipmap = Summarize(Load("ml_zipmap.onnx"));
  ASSERT_TRUE(zipmap.ok()) << zipmap.status();
  EXPECT_EQ(zipmap->outputs[1].kind, OnnxValue::Kind::kSequence);
  EXPECT_EQ(zipmap->opsets.count("ai.onnx.ml"), 1u);
  const Result<OnnxSummary> free = Summarize(Load("dynamic_rank.onnx"));
  ASSERT_TRUE(free.ok());
  EXPECT_EQ(StrCat(free->inputs[0]), "FLOAT[...]");
}

struct Broken {
  const char* file;
  const char* message;
};
class BrokenFileTest : public testing::TestWithParam<Broken> {};
TEST_P(BrokenFileTest, IsRefusedWithTheReason) {
  EXPECT_THAT(ErrorOf(Load(GetParam().file)), HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Fixtures, BrokenFileTest,
    testing::ValuesIn<Broken>({
        {"empty.onnx", "expected an ONNX model, got an empty file (0 bytes)"},
        {"text.onnx", "expected an ONNX model, got text ('This is not a model.')"},
        {"random.onnx", "expected an ONNX model: damaged at byte 1"},
        {"truncated.onnx", "the file is cut off: the graph ends at byte 128, the file at byte 67"},
        {"no_graph.onnx", "it has no graph"},
        {"nested_1000.onnx", "messages nest too deep"},
        {"cyclic.onnx",
         "the graph has a cycle: node 0 (Add) needs value 'b' of node 1 (Add), which "
         "needs value 'a' of node 0 (Add)"},
        {"duplicate_output.onnx",
         "value 'y': expected one maker, got node 0 (Relu) and node 1 (Neg)"},
        {"missing_input.onnx", "node 0 (Add) needs value 'ghost'"},
        {"missing_output.onnx", "graph output 'y'"},
        {"short_initializer.onnx", "tensor 'weight': expected 4000 bytes for FLOAT[1000], got 8"},
        {"huge_initializer.onnx", "tensor 'weight': shape: the product"},
        {"negative_initializer.onnx", "tensor 'weight': shape: expected dimension 0"},
        {"external_data/no_location/1/model.onnx", "expected a location, got none"},
        {"external_data/negative_offset/1/model.onnx",
         "offset: expected a number of bytes, got '-1'"},
        {"external_data/text_offset/1/model.onnx",
         "offset: expected a number of bytes, got '12abc'"},
        {"external_data/short_length/1/model.onnx", "its shape needs 64 bytes, its length says 8"},
    }));

TEST(OnnxSummaryTest, RefusesEveryCutOffFile) {
  // Fields behind the graph are optional to protobuf, so the cut has to hit the graph or before.
  const std::string whole = TestModel(OneRelu().Bytes());
  const size_t end_of_graph = whole.size() - 4;
  for (size_t size = 0; size < end_of_graph; ++size) {
    EXPECT_FALSE(Summarize(whole.substr(0, size)).ok()) << size;
  }
}

TEST(OnnxSummaryTest, SurvivesEveryFlippedBit) {
  for (const char* name :
       {"two_inputs.onnx", "nested_10.onnx", "ml_zipmap.onnx", "external_data/good/1/model.onnx"}) {
    std::string bytes = Load(name);
    for (size_t i = 0; i < bytes.size() * 8; ++i) {
      const auto bit = static_cast<char>(1 << (i % 8));
      bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ bit);
      (void)Summarize(bytes);
      bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ bit);
    }
  }
}

TEST(OnnxSummaryTest, RefusesWhatProtobufWouldMergeQuietly) {
  std::string model = TestModel(OneRelu().Bytes());
  WireWriter(model).Bytes(7, OneRelu().Bytes());
  EXPECT_THAT(ErrorOf(model), HasSubstr("field 7: expected once, came twice"));

  std::string node = TestNode("If", {"x"}, {"z"});
  std::string attribute;
  WireWriter(attribute).Bytes(6, "");
  WireWriter(attribute).Bytes(6, "");
  WireWriter(node).Bytes(5, attribute);
  TestGraph graph = OneRelu();
  graph.nodes.push_back(node);
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())), HasSubstr("field 6: expected once"));

  std::string tensor = TestTensor("w", ElementType::kFloat, {1}, "1234");
  WireWriter(tensor).Varint(14, uint64_t{1} << 32 | 1);  // EXTERNAL, to a parser that keeps 32 bits
  graph = OneRelu();
  graph.initializers = {tensor};
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())), HasSubstr("data_location: expected 0 or 1"));
}

TEST(OnnxSummaryTest, SubgraphsSeeOuterValuesAndNotTheReverse) {
  const TestGraph body = {.nodes = {TestNode("Neg", {"outer"}, {"inner"})},
                          .inputs = {},
                          .outputs = {TestValue("inner", ElementType::kFloat, {2})},
                          .initializers = {}};
  TestGraph graph = {.nodes = {TestNode("Relu", {"x"}, {"outer"}),
                               TestNode("If", {"x"}, {"y"}, body.Bytes(), "branch")},
                     .inputs = {TestValue("x", ElementType::kFloat, {2})},
                     .outputs = {TestValue("y", ElementType::kFloat, {2})},
                     .initializers = {}};
  EXPECT_EQ(ErrorOf(TestModel(graph.Bytes())), "OK");
  graph.nodes[0] = TestNode("Relu", {"x"}, {"other"});
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())),
              HasSubstr("node 'branch' (If) needs value 'outer'"));
  graph.nodes[0] = TestNode("Relu", {"inner"}, {"outer"});
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())), HasSubstr("needs value 'inner'"));
}

TEST(OnnxSummaryTest, FindsACycleThroughASubgraph) {
  const TestGraph body = {.nodes = {TestNode("Neg", {"later"}, {"inner"})},
                          .inputs = {},
                          .outputs = {TestValue("inner", ElementType::kFloat, {2})},
                          .initializers = {}};
  const TestGraph graph = {.nodes = {TestNode("If", {"x"}, {"y"}, body.Bytes(), "branch"),
                                     TestNode("Relu", {"y"}, {"later"})},
                           .inputs = {TestValue("x", ElementType::kFloat, {2})},
                           .outputs = {TestValue("y", ElementType::kFloat, {2})},
                           .initializers = {}};
  EXPECT_THAT(
      ErrorOf(TestModel(graph.Bytes())),
      HasSubstr("node 'branch' (If) needs value 'later' of node 1 (Relu), which needs value "
                "'y' of node 'branch' (If)"));
}

TEST(OnnxSummaryTest, TakesNodesInAnyOrder) {
  const TestGraph graph = {.nodes = {TestNode("Relu", {"a"}, {"y"}), TestNode("Neg", {"x"}, {"a"})},
                           .inputs = {TestValue("x", ElementType::kFloat, {2})},
                           .outputs = {TestValue("y", ElementType::kFloat, {2})},
                           .initializers = {}};
  EXPECT_EQ(ErrorOf(TestModel(graph.Bytes())), "OK");
}

// Whatever is without a name: nothing can take it, so nothing may promise it.
TEST(OnnxSummaryTest, RefusesAnOutputWithoutAName) {
  const TestGraph graph = {
      .nodes = {TestNode("Relu", {"x"}, {"y"})},
      .inputs = {TestValue("x", ElementType::kFloat, {2}), TestValue("", ElementType::kFloat, {2})},
      .outputs = {TestValue("y", ElementType::kFloat, {2}),
                  TestValue("", ElementType::kFloat, {2})},
      .initializers = {TestTensor("", ElementType::kFloat, {1}, std::string(4, '\0'))}};
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())), HasSubstr("graph output ''"));
}

TEST(OnnxSummaryTest, ChecksTheBodiesOfFunctions) {
  std::string function;
  WireWriter(function).Bytes(1, "Twice");
  WireWriter(function).Bytes(4, "a");
  WireWriter(function).Bytes(5, "b");
  WireWriter(function).Bytes(7, TestNode("Add", {"a", "missing"}, {"b"}));
  WireWriter(function).Bytes(10, "local");
  std::string model = TestModel(OneRelu().Bytes());
  WireWriter(model).Bytes(25, function);
  EXPECT_THAT(ErrorOf(model), HasSubstr("function 'Twice': node 0 (Add) needs value 'missing'"));
}

TEST(OnnxSummaryTest, ChecksTheDefaultsOfFunctions) {
  std::string attribute;
  WireWriter(attribute).Bytes(1, "scale");
  WireWriter(attribute).Varint(22, 2);  // sparse_tensor, which is a message
  std::string function;
  WireWriter(function).Bytes(1, "Scaled");
  WireWriter(function).Bytes(10, "local");
  WireWriter(function).Bytes(11, attribute);
  std::string model = TestModel(OneRelu().Bytes());
  WireWriter(model).Bytes(25, function);
  EXPECT_THAT(ErrorOf(model), HasSubstr("field 22: expected a message, got a number"));
}

TEST(OnnxSummaryTest, CountsTypedDataAsItsShapeNeeds) {
  std::string tensor;
  WireWriter writer(tensor);
  writer.Varint(1, 3);
  writer.Varint(2, static_cast<uint64_t>(ElementType::kInt64));
  writer.Bytes(8, "w");
  writer.Bytes(7, std::string_view("\x01\x80\x01\x02", 4));  // packed: 1, 128, 2
  TestGraph graph = OneRelu();
  graph.initializers = {tensor};
  EXPECT_EQ(ErrorOf(TestModel(graph.Bytes())), "OK");
  writer.Varint(7, 4);  // one more, not packed
  graph.initializers = {tensor};
  EXPECT_THAT(ErrorOf(TestModel(graph.Bytes())),
              HasSubstr("tensor 'w': expected 3 values for INT64[3], got 4"));
}

TEST(OnnxSummaryTest, KeepsItsLimits) {
  TestGraph graph = OneRelu();
  graph.nodes.push_back(TestNode("Neg", {"x"}, {"z"}));
  const std::string model = TestModel(graph.Bytes());
  EXPECT_EQ(ErrorOf(model, {.max_nodes = 2}), "OK");
  EXPECT_THAT(ErrorOf(model, {.max_nodes = 1}), HasSubstr("expected at most 1 nodes"));
  EXPECT_THAT(ErrorOf(model, {.max_names = 3}), HasSubstr("expected at most 3 names"));
  EXPECT_THAT(ErrorOf(model, {.max_entries = 1}), HasSubstr("at most 1 inputs and outputs"));
  EXPECT_THAT(ErrorOf(model, {.max_file_bytes = 10}), HasSubstr("expected at most 10 B"));
  const std::string rank_100 = TestModel(TestGraph{
      .nodes = {},
      .inputs = {TestValue("x", ElementType::kFloat, std::vector<TestDim>(100, 1))},
      .outputs = {},
      .initializers = {}}.Bytes());
  EXPECT_THAT(ErrorOf(rank_100), HasSubstr("at most 64 dimensions"));
}

TEST(WhatItIsTest, KnowsCommonFiles) {
  const auto what = [](std::string_view text) { return WhatItIs(AsBytes(text)); };
  EXPECT_THAT(what("PK\x03\x04rest"), HasSubstr("zip archive"));
  EXPECT_THAT(what("\x80\x04\x95 something."), HasSubstr("pickle"));
  EXPECT_THAT(what("\x1f\x8b\x08"), HasSubstr("gzip"));
  EXPECT_THAT(what("\x89HDF\r\n\x1a\n..."), HasSubstr("HDF5"));
  EXPECT_THAT(what("version https://git-lfs.github.com/spec/v1\noid"), HasSubstr("git lfs pull"));
  EXPECT_THAT(what("<!DOCTYPE html><p>"), HasSubstr("web page"));
  EXPECT_THAT(what(std::string_view("\x18\0\0\0ORTM....", 12)), HasSubstr("ONNX Runtime's own"));
  EXPECT_THAT(what(std::string_view("\x20\0\0\0\0\0\0\0{\"a\":", 13)), HasSubstr("safetensors"));
  EXPECT_THAT(what("{\"learner\": {}}"), HasSubstr("JSON"));
  EXPECT_THAT(what(std::string(100, '\0')), HasSubstr("zeros"));
  EXPECT_EQ(what("\x08\x08\x12"), "");
}

TEST(ElementTypeTest, KnowsSizesAndTheProtocolsTypes) {
  EXPECT_EQ(ElementTypeName(ElementType::kBfloat16), "BFLOAT16");
  EXPECT_EQ(ElementTypeName(static_cast<ElementType>(99)), "type 99");
  EXPECT_EQ(ToDType(ElementType::kString), tensor::DType::kBytes);
  EXPECT_EQ(ToDType(ElementType::kInt4), std::nullopt);
  EXPECT_EQ(*ByteSizeOf(ElementType::kInt4, std::vector<int64_t>{3}), 2u);
  EXPECT_EQ(*ByteSizeOf(ElementType::kDouble, std::vector<int64_t>{}), 8u);
  EXPECT_FALSE(ByteSizeOf(ElementType::kDouble, std::vector<int64_t>{int64_t{1} << 61}).ok());
  EXPECT_FALSE(ByteSizeOf(ElementType::kString, std::vector<int64_t>{1}).ok());
}

}  // namespace
}  // namespace slipway::graph

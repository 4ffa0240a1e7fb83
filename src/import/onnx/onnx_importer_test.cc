#include "import/onnx/onnx_importer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file_system.h"
#include "graph/onnx_summary.h"
#include "graph/tabular_metadata.h"
#include "graph/testing/onnx_bytes.h"
#include "import/onnx/testing/run_onnx.h"

namespace slipway::import::onnx {
namespace {

using base::Result;
using base::StatusCode;
using graph::AsBytes;
using graph::ElementType;
using graph::OnnxSummary;
using graph::OnnxValue;
using graph::TestGraph;
using graph::TestModel;
using graph::TestNode;
using graph::TestTensor;
using graph::TestValue;

const std::filesystem::path kModels = "tests/models/engine";

std::string Load(const std::filesystem::path& file) {
  return *base::RealFileSystem().Read(kModels / file, 1 << 20);
}

OnnxSummary Summary(std::string_view onnx) { return *graph::ReadOnnxSummary(AsBytes(onnx)); }

TEST(OnnxImporterTest, ZipMapBecomesATensor) {
  const std::string file = Load("ml_zipmap.onnx");
  ASSERT_TRUE(OnnxImporter().recognizes(AsBytes(file)));
  const auto model = OnnxImporter().import(AsBytes(file), {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->class_names, (std::vector<std::string>{"0", "1", "2"}));
  const OnnxSummary summary = Summary(model->onnx);
  ASSERT_EQ(summary.outputs.size(), 2u);
  EXPECT_EQ(summary.outputs[1].name, "output_probability");
  EXPECT_EQ(summary.outputs[1].kind, OnnxValue::Kind::kTensor);
  EXPECT_EQ(summary.outputs[1].dims, (std::vector<int64_t>{-1, 3}));
  EXPECT_EQ(graph::ReadTabularMetadata(summary.metadata).classes, model->class_names);
  EXPECT_FALSE(OnnxImporter().recognizes(AsBytes(model->onnx)));

  const auto engine = LoadOnnx(model->onnx);
  ASSERT_NE(engine, nullptr);
  const std::vector<float> x = {2, 0, 0, 2};
  const auto view =
      *tensor::TensorView::Create(tensor::DType::kFp32, {2, 2}, std::as_bytes(std::span(x)));
  std::vector<tensor::Tensor> results;
  const size_t wanted[] = {1};
  ASSERT_TRUE(engine->Run({&view, 1}, wanted, {}, results).ok());
  const auto scores = results.at(0).view().As<float>();
  ASSERT_TRUE(scores.ok()) << scores.status();
  EXPECT_EQ(std::vector<float>(scores->begin(), scores->end()),
            (std::vector<float>{2, 0, -2, 0, 2, -2}));
}

TEST(OnnxImporterTest, ZipMapStaysWhereItIsAskedFor) {
  const std::string file = Load("ml_zipmap.onnx");
  ImportOptions options;
  options.keep_zip_maps = true;
  const auto model = OnnxImporter().import(AsBytes(file), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Summary(model->onnx).outputs[1].kind, OnnxValue::Kind::kSequence);
}

// x + w, in which the file lists w among the inputs too.
std::string ModelWithDefault(uint64_t ir_version) {
  const TestGraph graph{
      .nodes = {TestNode("Add", {"x", "w"}, {"y"})},
      .inputs = {TestValue("x", ElementType::kFloat, {2}),
                 TestValue("w", ElementType::kFloat, {2})},
      .outputs = {TestValue("y", ElementType::kFloat, {2})},
      .initializers = {TestTensor("w", ElementType::kFloat, {2}, std::string(8, '\0'))}};
  return TestModel(graph.Bytes(), 13, ir_version);
}

TEST(OnnxImporterTest, InputsWithADefaultBecomeConstants) {
  const auto model = OnnxImporter().import(AsBytes(ModelWithDefault(8)), {});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(Summary(model->onnx).inputs.size(), 1u);
  EXPECT_EQ(Summary(model->onnx).inputs[0].name, "x");

  ImportOptions options;
  options.keep_optional_inputs = true;
  const auto kept = OnnxImporter().import(AsBytes(ModelWithDefault(8)), options);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(Summary(kept->onnx).inputs.size(), 2u);
}

TEST(OnnxImporterTest, OldFilesListWeightsAsInputsWithoutMeaningIt) {
  ImportOptions options;
  options.keep_optional_inputs = true;
  const auto model = OnnxImporter().import(AsBytes(ModelWithDefault(3)), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Summary(model->onnx).ir_version, 10);
  EXPECT_EQ(Summary(model->onnx).inputs.size(), 1u);
}

TEST(OnnxImporterTest, TensorsOfOtherFilesComeIntoTheModel) {
  const base::RealFileSystem fs;
  const std::string file = Load("external_data/good/1/model.onnx");
  EXPECT_EQ(OnnxImporter().import(AsBytes(file), {}).status().code(), StatusCode::kInvalidArgument);
  ImportOptions options;
  options.files = &fs;
  options.directory = kModels / "external_data/good/1";
  const auto model = OnnxImporter().import(AsBytes(file), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE(Summary(file).external.empty());
  EXPECT_TRUE(Summary(model->onnx).external.empty());
  EXPECT_EQ(Summary(model->onnx).parameter_bytes, Summary(file).parameter_bytes);
  EXPECT_NE(LoadOnnx(model->onnx), nullptr);
}

TEST(OnnxImporterTest, FilesOutsideTheDirectoryAreRefused) {
  const base::RealFileSystem fs;
  for (const char* location : {"../other.bin", "/etc/passwd", "missing.bin"}) {
    const TestGraph graph{
        .nodes = {TestNode("Add", {"x", "w"}, {"y"})},
        .inputs = {TestValue("x", ElementType::kFloat, {2})},
        .outputs = {TestValue("y", ElementType::kFloat, {2})},
        .initializers = {graph::TestExternalTensor("w", ElementType::kFloat, {2}, location, 0)}};
    ImportOptions options;
    options.files = &fs;
    options.directory = kModels;
    const auto model = OnnxImporter().import(AsBytes(TestModel(graph.Bytes())), options);
    ASSERT_FALSE(model.ok()) << location;
    EXPECT_NE(model.status().message().find("tensor 'w'"), std::string::npos) << model.status();
  }
}

TEST(OnnxImporterTest, HalfPrecisionStaysHalf) {
  const std::string file =
      *base::RealFileSystem().Read("tests/models/onnx/types/float16_mlp.onnx", 1 << 20);
  const auto model = OnnxImporter().import(AsBytes(file), {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Summary(model->onnx).opsets.at("ai.onnx"), 21);
  const auto engine = LoadOnnx(model->onnx);
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->signature().inputs.at(0).dtype, tensor::DType::kFp16);
  EXPECT_EQ(engine->signature().outputs.at(0).dtype, tensor::DType::kFp16);
  EXPECT_EQ(engine->signature().outputs.at(0).shape, tensor::Shape({-1, 3}));
  const auto results =
      RunOnNumbers(*engine, {{"x", {tensor::Shape({1, 4}), std::string(8, '\0')}}});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].view().data().size(), 6u);
}

TEST(OnnxImporterTest, OperatorSetsStayWhereItIsAskedFor) {
  const std::string file =
      TestModel(TestGraph{.nodes = {TestNode("Softmax", {"x"}, {"y"})},
                          .inputs = {TestValue("x", ElementType::kFloat, {2, 2, 2})},
                          .outputs = {TestValue("y", ElementType::kFloat, {2, 2, 2})},
                          .initializers = {}}
                    .Bytes(),
                12, 7);
  const auto raised = OnnxImporter().import(AsBytes(file), {});
  ASSERT_TRUE(raised.ok()) << raised.status();
  EXPECT_EQ(Summary(raised->onnx).opsets.at("ai.onnx"), 21);
  EXPECT_EQ(Summary(raised->onnx).node_count, 4u);
  ImportOptions options;
  options.keep_opset = true;
  const auto kept = OnnxImporter().import(AsBytes(file), options);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(Summary(kept->onnx).opsets.at("ai.onnx"), 12);
  EXPECT_EQ(Summary(kept->onnx).node_count, 1u);
}

TEST(OnnxImporterTest, UpsampleThatTheKeptSetLacksBecomesResize) {
  for (const uint64_t set : {9, 10, 11, 15}) {
    const std::string file =
        TestModel(TestGraph{.nodes = {TestNode("Upsample", {"x", "scales"}, {"y"})},
                            .inputs = {TestValue("x", ElementType::kFloat, {2, 3}),
                                       TestValue("scales", ElementType::kFloat, {2})},
                            .outputs = {TestValue("y", ElementType::kFloat, {"a", "b"})},
                            .initializers = {}}
                      .Bytes(),
                  set, 7);
    ImportOptions options;
    options.keep_opset = true;
    const auto kept = OnnxImporter().import(AsBytes(file), options);
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ(Summary(kept->onnx).opsets.at("ai.onnx"), static_cast<int64_t>(set));
    EXPECT_EQ(Summary(kept->onnx).operators.at(0).type, set == 9 ? "Upsample" : "Resize");
    const auto again = OnnxImporter().import(AsBytes(kept->onnx), options);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->onnx == kept->onnx) << "in set " << set;
    const auto engine = LoadOnnx(kept->onnx);
    ASSERT_NE(engine, nullptr);
    const auto got =
        RunOnNumbers(*engine, {{"scales", {tensor::Shape({2}), TestBytes<float>({1, 2})}}});
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].view().shape(), tensor::Shape({2, 6}));
  }
}

TEST(OnnxImporterTest, NodesThatKeepAnOldOperatorSetAreNamed) {
  const std::string file = *base::RealFileSystem().Read(
      "tests/models/onnx/old/kept_group_normalization_18.onnx", 1 << 20);
  const auto model = OnnxImporter().import(AsBytes(file), {});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->warnings.size(), 1u);
  EXPECT_EQ(model->warnings[0],
            "the operators stay those of ai.onnx 18: node 'groupnormalization_y' "
            "(GroupNormalization): its scales are of groups, and of channels now");
}

TEST(OnnxImporterTest, WhatCannotFitIsRefusedByTheNodesName) {
  for (const char* name : {"wrong_types.onnx", "wrong_output_type.onnx"}) {
    const std::string file = Load(name);
    const auto model = OnnxImporter().import(AsBytes(file), {});
    ASSERT_FALSE(model.ok()) << name;
    EXPECT_EQ(model.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(model.status().message().find("FLOAT"), std::string::npos) << model.status();
  }
}

TEST(OnnxImporterTest, DamagedFilesAreRefused) {
  const std::string file = Load("ml_zipmap.onnx");
  for (size_t size = 0; size < file.size(); ++size) {
    const auto model = OnnxImporter().import(AsBytes(file.substr(0, size)), {});
    if (!model.ok()) continue;
    EXPECT_TRUE(graph::ReadOnnxSummary(AsBytes(model->onnx)).ok()) << size;
  }
  EXPECT_FALSE(LooksLikeOnnx(AsBytes("")));
  EXPECT_FALSE(LooksLikeOnnx(AsBytes("{\"tree\": 1}")));
  EXPECT_TRUE(LooksLikeOnnx(AsBytes(file)));
}

}  // namespace
}  // namespace slipway::import::onnx

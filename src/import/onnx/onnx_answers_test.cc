// Every file in tests/models/onnx gives the same answers before and after its import.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"
#include "import/onnx/onnx_importer.h"
#include "import/onnx/testing/run_onnx.h"

namespace slipway::import::onnx {
namespace {

std::vector<std::string> Files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("tests/models/onnx")) {
    if (entry.path().extension() == ".onnx") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

// Inputs that are no arbitrary numbers.
std::map<std::string, std::pair<tensor::Shape, std::string>> Given(const std::string& file) {
  using tensor::Shape;
  if (file.find("softmax_any_rank") != std::string::npos) {
    return {{"s", {Shape({4}), TestBytes<int64_t>({2, 3, 2, 2})}}};
  }
  if (file.find("free") != std::string::npos) {
    return {{"s", {Shape({4}), TestBytes<float>({1, 1, 2, 1.5})}}};
  }
  return {};
}

// What the import declares of an output must be true of the answer.
void ExpectFits(const graph::OnnxValue& declared, const tensor::TensorView& got) {
  EXPECT_EQ(graph::ToDType(declared.element_type), got.dtype());
  if (!declared.has_shape) return;
  ASSERT_EQ(declared.dims.size(), got.shape().rank()) << declared;
  for (size_t i = 0; i < declared.dims.size(); ++i) {
    EXPECT_TRUE(declared.dims[i] < 0 || declared.dims[i] == got.shape()[i]) << declared;
  }
}

class OnnxAnswersTest : public testing::TestWithParam<std::string> {};

TEST_P(OnnxAnswersTest, AreTheSameAfterTheImport) {
  const std::string file = *base::RealFileSystem().Read(GetParam(), 1 << 20);
  const auto model = OnnxImporter().import(graph::AsBytes(file), {});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto summary = graph::ReadOnnxSummary(graph::AsBytes(model->onnx));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_TRUE(summary->functions.empty());
  const bool kept = GetParam().find("kept_") != std::string::npos;
  EXPECT_EQ(summary->opsets.at("ai.onnx") == 21, !kept);
  EXPECT_EQ(model->warnings.empty(), !kept);

  const auto again = OnnxImporter().import(graph::AsBytes(model->onnx), {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->onnx == model->onnx) << "another import changes it again";

  const auto before = LoadOnnx(file);
  const auto after = LoadOnnx(model->onnx);
  ASSERT_NE(before, nullptr);
  ASSERT_NE(after, nullptr);
  const auto want = RunOnNumbers(*before, Given(GetParam()));
  const auto got = RunOnNumbers(*after, Given(GetParam()));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ExpectSame(got[i].view(), want[i].view());
    ExpectFits(summary->outputs.at(i), want[i].view());
  }
}

INSTANTIATE_TEST_SUITE_P(Files, OnnxAnswersTest, testing::ValuesIn(Files()), [](const auto& file) {
  return std::filesystem::path(file.param).stem().string();
});

}  // namespace
}  // namespace slipway::import::onnx

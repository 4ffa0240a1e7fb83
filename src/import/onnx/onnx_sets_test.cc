// Files whose functions are written in other operator sets than the model. The answers in
// tests/models/onnx_sets are those of ONNX Runtime for each node in the set that it is of; asked
// for the whole file it refuses it, or takes the functions for ones of the model's set. Source:
// scripts/fixtures/onnx_import_sets.py.
#include <gtest/gtest.h>

#include <string>

#include "base/file_system.h"
#include "graph/onnx_summary.h"
#include "graph/testing/onnx_bytes.h"
#include "import/onnx/onnx_importer.h"
#include "import/onnx/testing/run_onnx.h"
#include "tensor/npy.h"

namespace slipway::import::onnx {
namespace {

std::string Load(const std::string& name) {
  return *base::RealFileSystem().Read("tests/models/onnx_sets/" + name, 1 << 20);
}

class OnnxSetsTest : public testing::TestWithParam<const char*> {};

TEST_P(OnnxSetsTest, AnswersAreThoseOfTheFunctionsOwnSets) {
  const std::string name = GetParam();
  EXPECT_TRUE(OnnxImporter().recognizes(graph::AsBytes(Load(name + ".onnx"))));
  for (const bool keeps : {false, true}) {
    ImportOptions options;
    options.keep_opset = keeps;
    const auto model = OnnxImporter().import(graph::AsBytes(Load(name + ".onnx")), options);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_TRUE(model->warnings.empty());
    EXPECT_FALSE(OnnxImporter().recognizes(graph::AsBytes(model->onnx)));
    const auto x = tensor::ReadNpy(graph::AsBytes(Load(name + ".x.npy")));
    const auto y = tensor::ReadNpy(graph::AsBytes(Load(name + ".y.npy")));
    ASSERT_TRUE(x.ok() && y.ok());
    const auto engine = LoadOnnx(model->onnx);
    ASSERT_NE(engine, nullptr);
    const auto data = x->view().data();
    const std::string bytes(reinterpret_cast<const char*>(data.data()), data.size());
    const auto got = RunOnNumbers(*engine, {{"x", {x->view().shape(), bytes}}});
    ASSERT_EQ(got.size(), 1u);
    ExpectSame(got[0].view(), y->view());
  }
}

// Runtimes read these right.
TEST(OnnxFunctionsTest, OfTheModelsSetNeedNoImport) {
  EXPECT_FALSE(OnnxImporter().recognizes(graph::AsBytes(Load("../onnx/functions/nested.onnx"))));
}

INSTANTIATE_TEST_SUITE_P(Files, OnnxSetsTest,
                         testing::Values("attributes", "nested_in_subgraph", "newer", "softmax",
                                         "upsample"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace slipway::import::onnx

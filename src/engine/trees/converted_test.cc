// Trees as the converters of scikit-learn, LightGBM and XGBoost write them, in the operators of
// ai.onnx.ml 1 and 3: the answers of ONNX Runtime, at every level of the processor.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/trees/testing/engine_agreement.h"
#include "engine/trees/tree_engine_factory.h"

namespace slipway::engine {
namespace {

constexpr double kTolerance = 1e-6;  // relative; ONNX Runtime may add in another order

std::vector<std::filesystem::path> Models() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator("tests/models/converted")) {
    out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

class ConvertedTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConvertedTest, AgreesWithOnnxRuntime) {
  const base::RealFileSystem files;
  const auto logger = base::Logger::Null();
  const auto content = files.Read(GetParam(), 1 << 20);
  ASSERT_TRUE(content.ok()) << content.status();
  ModelFiles model;
  model.in_memory = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"model.onnx", *content}});
  const auto theirs = (*OnnxRuntimeFactory::Create(files, *logger))->Load(model, {});
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  for (const base::CpuLevel level :
       {base::CpuLevel::kBaseline, base::CpuLevel::kAvx2, base::CpuLevel::kAvx512}) {
    if (level > base::HighestCpuLevel()) continue;
    SCOPED_TRACE(Name(level));
    const auto ours = TreeEngineFactory(files, level).Load(model, {});
    ASSERT_TRUE(ours.ok()) << ours.status();
    EXPECT_TRUE(ExpectAgreementOnHardRows(std::as_bytes(std::span(*content)), **theirs, **ours,
                                          kTolerance));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ConvertedTest, testing::ValuesIn(Models()),
                         [](const auto& one) { return one.param.stem().string(); });

}  // namespace
}  // namespace slipway::engine

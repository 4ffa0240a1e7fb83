// Every model of tests/models/sklearn, against the answers of scikit-learn itself.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "import/sklearn/sklearn_importer.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::sklearn {
namespace {

constexpr double kTolerance = 1e-6;  // relative
constexpr double kSmallest = 1e-6;   // numbers below it count as large as that
// The same for models with XGBoost in them, whose probabilities have the precision of floats, and
// 1 - p the error of p.
constexpr double kSmallestOfFloats = 0.25;
// And for XGBoost alone, whose outputs are floats.
constexpr double kToleranceOfFloats = 1e-5;

class SklearnModelsTest : public testing::TestWithParam<ModelFixture> {};

void ExpectNumbers(const tensor::TensorView& got, const tensor::TensorView& want, double smallest,
                   const std::string& output) {
  const auto g = *got.As<double>();
  const auto w = *want.As<double>();
  ASSERT_EQ(g.size(), w.size()) << output;
  int wrong = 0;
  for (size_t i = 0; i < g.size() && wrong < 5; ++i) {
    if (g[i] == w[i] || (std::isnan(g[i]) && std::isnan(w[i]))) continue;
    const double error = std::abs(g[i] - w[i]) / std::max(std::abs(w[i]), smallest);
    const bool close = error <= kTolerance;
    if (!close) ++wrong;
    EXPECT_TRUE(close) << output << "[" << i << "]: got " << g[i] << ", expected " << w[i];
  }
}

TEST_P(SklearnModelsTest, AnswersAsScikitLearnDoes) {
  const std::string file = ReadFixture(GetParam().model);
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_TRUE(SklearnImporter().recognizes(bytes));
  const auto imported = SklearnImporter().import(bytes, {});
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto engine = LoadOnnx(imported->onnx);
  ASSERT_NE(engine, nullptr);
  const std::string packed = ReadFixture(GetParam().arrays);
  const auto arrays = tensor::ReadNpz(std::as_bytes(std::span(packed)));
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  std::map<std::string, const tensor::Tensor*> by_name;
  for (const auto& array : *arrays) by_name[array.name] = &array.tensor;
  const tensor::Signature& signature = engine->signature();
  std::vector<tensor::TensorView> inputs;
  for (const auto& input : signature.inputs) {
    ASSERT_TRUE(by_name.contains(input.name)) << input.name;
    inputs.push_back(by_name[input.name]->view());
  }
  std::vector<size_t> outputs;
  for (size_t i = 0; i < signature.outputs.size(); ++i) outputs.push_back(i);
  EXPECT_EQ(inputs.size() + outputs.size(), by_name.size());
  std::vector<tensor::Tensor> results;
  const base::Status ran = engine->Run(inputs, outputs, {}, results);
  ASSERT_TRUE(ran.ok()) << ran;
  const std::string file_name = GetParam().model.filename();
  const bool floats = file_name.starts_with("xgb_") || file_name.starts_with("boosters_");
  for (const size_t i : outputs) {
    const std::string& name = signature.outputs[i].name;
    ASSERT_TRUE(by_name.contains(name)) << name;
    const tensor::TensorView& got = results[i].view();
    const tensor::TensorView& want = by_name[name]->view();
    ASSERT_EQ(got.dtype(), want.dtype()) << name;
    EXPECT_EQ(base::StrCat(got.shape()), base::StrCat(want.shape())) << name;
    if (got.dtype() == tensor::DType::kFp64) {
      ExpectNumbers(got, want, floats ? kSmallestOfFloats : kSmallest, name);
    } else if (got.dtype() == tensor::DType::kFp32) {
      ExpectClose(*got.As<float>(), *want.As<float>(), kToleranceOfFloats, name);
    } else if (got.dtype() == tensor::DType::kBytes) {
      EXPECT_EQ(*got.AsStrings(), *want.AsStrings()) << name;
    } else {
      EXPECT_TRUE(std::ranges::equal(got.data(), want.data())) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SklearnModelsTest,
                         testing::ValuesIn(FixturesOf("tests/models/sklearn", "")), FixtureName);

}  // namespace
}  // namespace slipway::import::sklearn

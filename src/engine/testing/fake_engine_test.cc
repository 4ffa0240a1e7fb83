#include "engine/testing/fake_engine.h"

#include <gtest/gtest.h>

#include "engine/testing/engine_suite.h"

namespace slipway::engine {
namespace {

using base::Status;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

TensorSpec Spec(std::string name, DType dtype) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.dtype = dtype;
  spec.shape = {-1, 2};
  spec.dim_names = {"batch", ""};
  return spec;
}

Status AddAndSubtract(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                      base::Deadline deadline, std::vector<Tensor>& results) {
  if (deadline.Expired(std::chrono::steady_clock::now())) return base::DeadlineExceeded("late");
  SLIPWAY_ASSIGN_OR_RETURN(const auto a, inputs[0].As<float>());
  SLIPWAY_ASSIGN_OR_RETURN(const auto b, inputs[1].As<int64_t>());
  for (const size_t output : outputs) {
    std::vector<float> values(a.begin(), a.end());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += static_cast<float>(output == 0 ? b[i] : -b[i]);
    }
    SLIPWAY_ASSIGN_OR_RETURN(Tensor result, Tensor::FromValues<float>(inputs[0].shape(), values));
    results.push_back(std::move(result));
  }
  return base::OkStatus();
}

std::unique_ptr<Engine> LoadFake() {
  tensor::Signature signature;
  signature.inputs = {Spec("a", DType::kFp32), Spec("b", DType::kInt64)};
  signature.outputs = {Spec("sum", DType::kFp32), Spec("diff", DType::kFp32)};
  return std::make_unique<FakeEngine>(std::move(signature), AddAndSubtract);
}

INSTANTIATE_TEST_SUITE_P(Fake, EngineSuite, testing::Values(EngineCase{"Fake", &LoadFake}),
                         [](const auto& c) { return c.param.name; });

TEST(FakeEngineTest, CountsCallsAndRuns) {
  tensor::Signature signature;
  signature.inputs = {Spec("x", DType::kFp32)};
  signature.outputs = {Spec("y", DType::kFp32)};
  FakeEngine engine(signature, FakeEngine::CopyInputs());
  const std::vector<float> values = {1, 2};
  const Tensor x = *Tensor::FromValues<float>({1, 2}, values);
  const std::vector<size_t> outputs = {0};
  std::vector<Tensor> results;
  EXPECT_TRUE(engine.Run({{x.view()}}, outputs, {}, results).ok());
  EXPECT_FALSE(engine.Run({}, outputs, {}, results).ok());
  EXPECT_EQ(engine.calls(), 2);
  EXPECT_EQ(engine.runs(), 1);
}

}  // namespace
}  // namespace slipway::engine

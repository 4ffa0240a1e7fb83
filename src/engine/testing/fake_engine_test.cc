#include "engine/testing/fake_engine.h"

#include <gtest/gtest.h>

#include "engine/testing/engine_suite.h"

namespace slipway::engine {
namespace {

using tensor::Tensor;
using tensor::TensorSpec;

TensorSpec Spec(std::string name) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.shape = {-1, 2};
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Fake, EngineSuite,
                         testing::Values(EngineCase{"Fake", &FakeEngine::AddAndSubtract}),
                         [](const auto& c) { return c.param.name; });

TEST(FakeEngineTest, CountsCallsAndRuns) {
  tensor::Signature signature;
  signature.inputs = {Spec("x")};
  signature.outputs = {Spec("y")};
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

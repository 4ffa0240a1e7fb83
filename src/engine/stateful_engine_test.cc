#include "engine/stateful_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/testing/fake_engine.h"

namespace slipway::engine {
namespace {

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;
using testing::ElementsAre;
using testing::HasSubstr;

TensorSpec Spec(std::string name, Shape shape, DType dtype = DType::kFp32) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.dtype = dtype;
  spec.shape = shape;
  return spec;
}

TensorSpec AnyRank(std::string name) {
  TensorSpec spec = Spec(std::move(name), {});
  spec.any_rank = true;
  return spec;
}

// Output i is input i.
base::Result<std::unique_ptr<Engine>> Make(tensor::Signature signature,
                                           const std::vector<StateOption>& states) {
  return StatefulEngine::Create(
      std::make_unique<FakeEngine>(std::move(signature), FakeEngine::CopyInputs()), states);
}

tensor::Signature TwoStates() {
  return {
      .inputs = {Spec("h", {-1, 2}), Spec("x", {-1, 1}), Spec("n", {-1}, DType::kInt64)},
      .outputs = {Spec("h_out", {-1, 2}), Spec("y", {-1, 1}), Spec("n_out", {-1}, DType::kInt64)}};
}
const std::vector<StateOption> kTwoStates = {{.input = "n", .output = "n_out"},
                                             {.input = "h", .output = "h_out"}};

TEST(StatefulEngineTest, StatesAreNeitherInputsNorOutputs) {
  const auto engine = Make(TwoStates(), kTwoStates);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const tensor::Signature& signature = (*engine)->signature();
  ASSERT_EQ(signature.inputs.size(), 1U);
  EXPECT_EQ(signature.inputs[0].name, "x");
  ASSERT_EQ(signature.outputs.size(), 1U);
  EXPECT_EQ(signature.outputs[0].name, "y");
  ASSERT_EQ(signature.states.size(), 2U);
  EXPECT_EQ(signature.states[0].input.name, "n");
  EXPECT_EQ(signature.states[1].output_name, "h_out");
  EXPECT_EQ(signature.states[1].input.shape, Shape({-1, 2}));
  EXPECT_TRUE(signature.batched());
  ASSERT_EQ((*engine)->start_states().size(), 2U);
  EXPECT_THAT(*(*engine)->start_states()[1].view().As<float>(), ElementsAre(0, 0));
}

TEST(StatefulEngineTest, ARunTakesStatesBehindTheInputsAndGivesThemBehindTheOutputs) {
  const auto engine = Make(TwoStates(), kTwoStates);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor x = *Tensor::FromValues<float>({1, 1}, std::vector<float>{5});
  const Tensor n = *Tensor::FromValues<int64_t>({1}, std::vector<int64_t>{7});
  const Tensor h = *Tensor::FromValues<float>({1, 2}, std::vector<float>{8, 9});
  std::vector<Tensor> results;
  const std::vector<TensorView> inputs = {x.view(), n.view(), h.view()};
  ASSERT_TRUE((*engine)->Run(inputs, std::vector<size_t>{2, 0, 1}, {}, results).ok());
  EXPECT_THAT(*results[0].view().As<float>(), ElementsAre(8, 9));
  EXPECT_THAT(*results[1].view().As<float>(), ElementsAre(5));
  EXPECT_THAT(*results[2].view().As<int64_t>(), ElementsAre(7));
  EXPECT_THAT((*engine)->Run(inputs, std::vector<size_t>{3}, {}, results).message(),
              HasSubstr("expected a position below 3"));
  EXPECT_THAT(
      (*engine)->Run(std::span(inputs).first(2), std::vector<size_t>{0}, {}, results).message(),
      HasSubstr("expected 1 inputs, got 2"));
}

TEST(StatefulEngineTest, WithoutStatesEveryRowBeginsASequence) {
  const auto engine = Make(TwoStates(), kTwoStates);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor x = *Tensor::FromValues<float>({3, 1}, std::vector<float>{1, 2, 3});
  std::vector<Tensor> results;
  ASSERT_TRUE((*engine)->Run({{x.view()}}, std::vector<size_t>{0, 1}, {}, results).ok());
  EXPECT_THAT(*results[0].view().As<float>(), ElementsAre(1, 2, 3));
  EXPECT_THAT(*results[1].view().As<int64_t>(), ElementsAre(0, 0, 0));
}

TEST(StatefulEngineTest, AStateMayHaveItsRowsElsewhere) {
  const tensor::Signature signature = {.inputs = {Spec("x", {-1, 1}), Spec("h", {2, -1, 3})},
                                       .outputs = {Spec("y", {-1, 1}), Spec("h_out", {2, -1, 3})}};
  const auto engine = Make(signature, {{.input = "h", .output = "h_out", .shape = {2, 1, 3}}});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->signature().states[0].input.shape, Shape({2, 1, 3}));
  EXPECT_FALSE((*engine)->signature().batched());
  EXPECT_THAT(Make(signature, {{.input = "h", .output = "h_out"}}).status().message(),
              HasSubstr("dimension 1 of the input FP32[2,-1,3] is free; say with 'shape'"));
}

TEST(StatefulEngineTest, AllThatDoesNotFitTheModelIsSaid) {
  const tensor::Signature signature = {
      .inputs = {Spec("x", {-1, 1}), Spec("h", {-1, 2}), Spec("text", {-1}, DType::kBytes),
                 AnyRank("any")},
      .outputs = {Spec("y", {-1, 1}), Spec("h_out", {-1, 2}), Spec("text_out", {-1}, DType::kBytes),
                  AnyRank("any_out")}};
  const auto said = [&](const std::vector<StateOption>& states) {
    const base::Status status = Make(signature, states).status();
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(said({{.input = "g", .output = "h_out"}, {.input = "h", .output = "y"}}),
            "sequence.state: 'g' to 'h_out': the model has no input 'g'; its inputs: 'x' "
            "FP32[-1,1], 'h' FP32[-1,2], 'text' BYTES[-1], 'any' FP32[...]; 'h' to 'y': it begins "
            "with FP32[1,2], but the output is FP32[-1,1]");
  EXPECT_THAT(said({{.input = "h", .output = "g"}}), HasSubstr("no output 'g'; its outputs: 'y'"));
  EXPECT_THAT(said({{.input = "text", .output = "text_out"}}), HasSubstr("texts is not supported"));
  EXPECT_THAT(said({{.input = "text", .output = "y"}}), HasSubstr("texts is not supported"));
  EXPECT_THAT(said({{.input = "any", .output = "any_out"}}), HasSubstr("say with 'shape'"));
  EXPECT_THAT(said({{.input = "h", .output = "h_out", .shape = {2}}}),
              HasSubstr("the input is FP32[-1,2], which does not take [2]"));
  EXPECT_THAT(said({{.input = "h", .output = "h_out", .dtype = DType::kFp64}}),
              HasSubstr("got FP32 as the input and FP64 in the configuration"));
  EXPECT_THAT(said({{.input = "any", .output = "any_out", .shape = {1 << 20, 1 << 20}}}),
              HasSubstr("expected a state of at most 256 MiB"));
  EXPECT_THAT(said({{.input = "h", .output = "h_out"}, {.input = "h", .output = "any_out"}}),
              HasSubstr("input 'h' is there twice"));
  EXPECT_THAT(said({{.input = "h", .output = "h_out"}, {.input = "any", .output = "h_out"}}),
              HasSubstr("output 'h_out' is there twice"));
}

TEST(StatefulFactoryTest, ModelsWithoutStatesAreAsTheyWere) {
  const StatefulFactory factory(std::make_unique<FakeEngineFactory>(
      [](const ModelFiles&, const EngineOptions&) { return FakeEngine::AddAndSubtract(); }));
  const auto plain = factory.Load({}, {});
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ((*plain)->signature().inputs.size(), 2U);
  EngineOptions options;
  options.states = {{.input = "a", .output = "sum"}};
  const auto with_state = factory.Load({}, options);
  ASSERT_TRUE(with_state.ok()) << with_state.status();
  EXPECT_EQ((*with_state)->signature().inputs.size(), 1U);
}

}  // namespace
}  // namespace slipway::engine

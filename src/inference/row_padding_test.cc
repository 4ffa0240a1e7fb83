#include "inference/row_padding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "engine/testing/fake_engine.h"

namespace slipway::inference {
namespace {

using engine::FakeEngine;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorView;
using testing::ElementsAre;
using testing::IsEmpty;

// ids and a second input, both INT64[-1,-1]; score: FP32[-1,1] and hidden: FP32[-1,-1].
tensor::Signature Encoder(const std::string& second) {
  return {.inputs = {{.name = "ids", .dtype = DType::kInt64, .shape = {-1, -1}},
                     {.name = second, .dtype = DType::kInt64, .shape = {-1, -1}}},
          .outputs = {{.name = "score", .dtype = DType::kFp32, .shape = {-1, 1}},
                      {.name = "hidden", .dtype = DType::kFp32, .shape = {-1, -1}}}};
}

using Score = std::function<float(std::span<const int64_t> ids, std::span<const int64_t> mask)>;

// Scores each row; hidden is the id where the mask is set.
FakeEngine::Compute Model(Score score) {
  return [score = std::move(score)](auto inputs, auto, auto, std::vector<Tensor>& results) {
    const auto rows = static_cast<size_t>(inputs[0].shape()[0]);
    const auto length = static_cast<size_t>(inputs[0].shape()[1]);
    const auto ids = *inputs[0].template As<int64_t>();
    const auto mask = *inputs[1].template As<int64_t>();
    std::vector<float> scores;
    std::vector<float> hidden;
    for (size_t i = 0; i < rows; ++i) {
      scores.push_back(score(ids.subspan(i * length, length), mask.subspan(i * length, length)));
    }
    for (size_t i = 0; i < ids.size(); ++i) hidden.push_back(static_cast<float>(ids[i] * mask[i]));
    results.push_back(*Tensor::FromValues<float>({static_cast<int64_t>(rows), 1}, scores));
    results.push_back(*Tensor::FromValues<float>(inputs[0].shape(), hidden));
    return base::OkStatus();
  };
}

float MaskedMean(std::span<const int64_t> ids, std::span<const int64_t> mask) {
  float sum = 0;
  float count = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    sum += static_cast<float>(ids[i] * mask[i]);
    count += static_cast<float>(mask[i]);
  }
  return sum / count;
}

float Mean(std::span<const int64_t> ids, std::span<const int64_t>) {
  float sum = 0;
  for (const int64_t id : ids) sum += static_cast<float>(id);
  return sum / static_cast<float>(ids.size());
}

float Sum(std::span<const int64_t> ids, std::span<const int64_t> mask) {
  return Mean(ids, mask) * static_cast<float>(ids.size());
}

TEST(RowPaddingTest, AModelWithAMaskIsPaddedWithZeros) {
  FakeEngine engine(Encoder("attention_mask"), Model(MaskedMean));
  const RowLayout layout = FindPadding(engine, {});
  ASSERT_EQ(layout.padding.size(), 2U);
  EXPECT_TRUE(layout.padding[0].on && layout.padding[1].on);
  EXPECT_EQ(layout.padding[1].value, 0);
  EXPECT_THAT(layout.cut, ElementsAre(false, true));
}

TEST(RowPaddingTest, UnlessItAnswersOtherwiseThen) {
  FakeEngine engine(Encoder("attention_mask"), Model(Mean));
  EXPECT_THAT(FindPadding(engine, {}).padding, IsEmpty());
  EXPECT_THAT(FindPadding(engine, {{"ids", 0}, {"attention_mask", 0}}).padding, IsEmpty());
}

TEST(RowPaddingTest, WithoutAMaskItMustBeAskedFor) {
  FakeEngine engine(Encoder("types"), Model(Sum));
  EXPECT_THAT(FindPadding(engine, {}).padding, IsEmpty());
  EXPECT_EQ(engine.calls(), 0);
  const RowLayout layout = FindPadding(engine, {{"ids", 0}, {"types", -1}});
  ASSERT_EQ(layout.padding.size(), 2U);
  EXPECT_EQ(layout.padding[1].value, -1);
  EXPECT_THAT(FindPadding(engine, {{"ids", 5}, {"types", 0}}).padding, IsEmpty());  // 5 is summed
}

TEST(RowPaddingTest, AllInputsWithALengthMustBeNamedAndNoOthers) {
  FakeEngine engine(Encoder("types"), Model(Sum));
  EXPECT_THAT(FindPadding(engine, {{"ids", 0}}).padding, IsEmpty());
  EXPECT_THAT(FindPadding(engine, {{"ids", 0}, {"types", 0}, {"typos", 0}}).padding, IsEmpty());
  tensor::Signature fixed = Encoder("mask");
  fixed.inputs[0].shape = {-1, 4};
  FakeEngine other(fixed, Model(Sum));
  EXPECT_THAT(FindPadding(other, {{"ids", 0}, {"mask", 0}}).padding, IsEmpty());
  EXPECT_EQ(engine.calls() + other.calls(), 0);
}

TEST(RowPaddingTest, AModelThatRefusesIsLeftAlone) {
  FakeEngine engine(Encoder("mask"), FakeEngine::Fail(base::InvalidArgument("no")));
  EXPECT_THAT(FindPadding(engine, {}).padding, IsEmpty());
}

}  // namespace
}  // namespace slipway::inference

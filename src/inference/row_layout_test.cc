#include "inference/row_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace slipway::inference {
namespace {

using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorView;
using testing::ElementsAre;
using testing::IsEmpty;

// ids: INT64[-1,-1], which are padded with 7, and k: FP32[-1,2].
const Signature& Model() {
  static const Signature kModel{
      .inputs = {{.name = "ids", .dtype = DType::kInt64, .shape = {-1, -1}},
                 {.name = "k", .dtype = DType::kFp32, .shape = {-1, 2}}},
      .outputs = {{.name = "score", .dtype = DType::kFp32, .shape = {-1}},
                  {.name = "hidden", .dtype = DType::kInt64, .shape = {-1, -1, 2}}}};
  return kModel;
}

const RowLayout kPadded{.padding = {{.on = true, .value = 7}, {}}, .cut = {false, true}};

// Tensors of a call whose elements count from `first` on.
struct Call {
  Call(int64_t rows, int64_t length, int64_t first) {
    std::vector<int64_t> numbers(static_cast<size_t>(rows * length));
    std::iota(numbers.begin(), numbers.end(), first);
    ids = *Tensor::FromValues<int64_t>({rows, length}, numbers);
    k = *Tensor::FromValues<float>(
        {rows, 2}, std::vector<float>(static_cast<size_t>(rows) * 2, static_cast<float>(first)));
    views = {ids.view(), k.view()};
  }
  Tensor ids;
  Tensor k;
  std::vector<TensorView> views;
  std::vector<Tensor> results;
};

std::vector<RowJoiner::Part> Parts(std::vector<Call>& calls) {
  std::vector<RowJoiner::Part> parts;
  for (Call& call : calls) {
    parts.push_back({.inputs = call.views, .rows = call.ids.shape()[0], .results = &call.results});
  }
  return parts;
}

TEST(RowLayoutTest, CallsFitWhoseFixedDimensionsAreTheModels) {
  const Call call(2, 3, 0);
  for (const RowLayout& layout : {RowLayout(), kPadded}) {
    EXPECT_TRUE(layout.Fits(Model(), call.views, 2));
    EXPECT_FALSE(layout.Fits(Model(), call.views, 1));
    EXPECT_FALSE(layout.Fits(Model(), std::span(call.views).first(1), 2));
    EXPECT_FALSE(layout.Fits(Model(), std::vector{call.views[0], call.views[0]}, 2));
    EXPECT_FALSE(layout.Fits(Model(), std::vector{call.views[0], TensorView()}, 2));
  }
  const Call empty(2, 0, 0);
  EXPECT_TRUE(RowLayout().Fits(Model(), empty.views, 2));
  EXPECT_FALSE(kPadded.Fits(Model(), empty.views, 2));  // nothing is as long as it was
}

TEST(RowLayoutTest, PaddedInputsOfACallAreEquallyLong) {
  const Signature two{.inputs = {{.name = "ids", .dtype = DType::kInt64, .shape = {-1, -1}},
                                 {.name = "mask", .dtype = DType::kInt64, .shape = {-1, -1}}},
                      .outputs = {}};
  const RowLayout layout{.padding = {{.on = true}, {.on = true}}};
  const Call three(1, 3, 0);
  const Call four(1, 4, 0);
  EXPECT_TRUE(layout.Fits(two, std::vector{three.views[0], three.views[0]}, 1));
  EXPECT_FALSE(layout.Fits(two, std::vector{three.views[0], four.views[0]}, 1));
}

TEST(RowLayoutTest, OnlyPaddedRowsOfDifferentLengthsAreAlikeUpToTwice) {
  const Call three(1, 3, 0);
  const Call six(2, 6, 0);
  const Call seven(1, 7, 0);
  EXPECT_TRUE(RowLayout().Alike(three.views, three.views));
  EXPECT_FALSE(RowLayout().Alike(three.views, six.views));
  EXPECT_TRUE(kPadded.Alike(three.views, six.views));
  EXPECT_TRUE(kPadded.Alike(six.views, three.views));
  EXPECT_FALSE(kPadded.Alike(three.views, seven.views));
}

TEST(RowJoinerTest, RowsLieBehindEachOtherFilledUp) {
  std::vector<Call> calls;
  calls.emplace_back(1, 2, 10);
  calls.emplace_back(2, 3, 20);
  RowJoiner joiner;
  const std::span<const TensorView> joined = joiner.Join(kPadded, Parts(calls));
  ASSERT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined[0].shape(), Shape({3, 3}));
  EXPECT_THAT(*joined[0].As<int64_t>(), ElementsAre(10, 11, 7, 20, 21, 22, 23, 24, 25));
  EXPECT_EQ(joined[1].shape(), Shape({3, 2}));
  EXPECT_THAT(*joined[1].As<float>(), ElementsAre(10, 10, 20, 20, 20, 20));
}

TEST(RowJoinerTest, EachCallGetsItsRowsCutBackToItsLength) {
  std::vector<Call> calls;
  calls.emplace_back(1, 2, 0);
  calls.emplace_back(2, 3, 0);
  const std::vector<size_t> outputs = {1, 0};
  std::vector<int64_t> numbers(18);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<Tensor> together;
  together.push_back(*Tensor::FromValues<int64_t>({3, 3, 2}, numbers));
  together.push_back(*Tensor::FromValues<float>({3}, std::vector<float>{1, 2, 3}));
  ASSERT_TRUE(RowJoiner::Divide(kPadded, Parts(calls), outputs, std::move(together)));
  EXPECT_EQ(calls[0].results[0].shape(), Shape({1, 2, 2}));
  EXPECT_THAT(*calls[0].results[0].view().As<int64_t>(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(*calls[0].results[1].view().As<float>(), ElementsAre(1));
  EXPECT_EQ(calls[1].results[0].shape(), Shape({2, 3, 2}));
  EXPECT_THAT(*calls[1].results[0].view().As<int64_t>(),
              ElementsAre(6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17));
  EXPECT_THAT(*calls[1].results[1].view().As<float>(), ElementsAre(2, 3));
}

TEST(RowJoinerTest, OutputsWithoutTheRowsOfAllAreNotDivided) {
  std::vector<Call> calls;
  calls.emplace_back(1, 2, 0);
  calls.emplace_back(1, 3, 0);
  const auto divide = [&calls](size_t output, const Shape& shape) {
    std::vector<Tensor> together;
    together.push_back(*Tensor::Allocate(DType::kInt64, shape));
    return RowJoiner::Divide(kPadded, Parts(calls), std::vector{output}, std::move(together));
  };
  EXPECT_TRUE(divide(1, {2, 3, 2}));
  EXPECT_FALSE(divide(1, {2, 2, 2}));  // not of the longest row's length
  EXPECT_FALSE(divide(1, {2}));
  EXPECT_FALSE(divide(0, {1}));
  EXPECT_FALSE(divide(0, {}));
}

TEST(RowJoinerTest, EveryDtypeHasItsValue) {
  for (const DType dtype : tensor::kAllDTypes) {
    if (dtype == DType::kBytes) continue;
    Tensor tensor = *Tensor::Allocate(dtype, {3});
    FillElements(tensor.mutable_data(), dtype, 1);
    const TensorView view = tensor.view();
    switch (dtype) {
      case DType::kFp64:
        EXPECT_THAT(*view.As<double>(), ElementsAre(1, 1, 1));
        break;
      case DType::kFp32:
        EXPECT_THAT(*view.As<float>(), ElementsAre(1, 1, 1));
        break;
      case DType::kFp16:
        EXPECT_EQ(tensor::ToFloat((*view.As<tensor::Fp16>())[2]), 1);
        break;
      case DType::kBf16:
        EXPECT_EQ(tensor::ToFloat((*view.As<tensor::Bf16>())[2]), 1);
        break;
      default: {
        std::vector<std::byte> one(tensor::SizeOf(dtype));
        one[0] = std::byte{1};
        const std::span<const std::byte> last = view.data().last(one.size());
        EXPECT_TRUE(std::ranges::equal(last, one)) << dtype;
      }
    }
  }
  Tensor negative = *Tensor::Allocate(DType::kInt32, {1});
  FillElements(negative.mutable_data(), DType::kInt32, -100);
  EXPECT_THAT(*negative.view().As<int32_t>(), ElementsAre(-100));
}

}  // namespace
}  // namespace slipway::inference

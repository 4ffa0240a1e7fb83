#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/dtype.h"
#include "tensor/signature.h"

namespace slipway::tensor {
namespace {

using base::StatusCode;

TEST(DTypeTest, NamesRoundTrip) {
  for (const DType dtype : kAllDTypes) EXPECT_EQ(ParseDType(DTypeName(dtype)), dtype);
  EXPECT_EQ(ParseDType("fp32"), std::nullopt);
  EXPECT_EQ(ParseDType("STRING"), std::nullopt);
  EXPECT_EQ(ParseDType(""), std::nullopt);
}

TEST(Float16Test, EveryFp16ValueSurvivesTheTripThroughFloat) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Fp16 value{static_cast<uint16_t>(bits)};
    const float wide = ToFloat(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(ToFloat(ToFp16(wide))));
    } else {
      EXPECT_EQ(ToFp16(wide), value) << bits;
    }
  }
}

TEST(Float16Test, EveryBf16ValueSurvivesTheTripThroughFloat) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Bf16 value{static_cast<uint16_t>(bits)};
    const float wide = ToFloat(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(ToFloat(ToBf16(wide))));
    } else {
      EXPECT_EQ(ToBf16(wide), value) << bits;
    }
  }
}

// Golden values: IEEE 754-2008 binary16; halves between two neighbours go to the even one.
TEST(Float16Test, RoundsToNearestTiesToEven) {
  EXPECT_EQ(ToFp16(1.0).bits, 0x3C00);
  EXPECT_EQ(ToFp16(65504.0).bits, 0x7BFF);
  EXPECT_EQ(ToFp16(65519.999).bits, 0x7BFF);
  EXPECT_EQ(ToFp16(65520.0).bits, 0x7C00);  // halfway to the next: infinity
  EXPECT_EQ(ToFp16(0x1p-25).bits, 0x0000);  // halfway to the smallest subnormal: even is zero
  EXPECT_EQ(ToFp16(0x1.8p-25).bits, 0x0001);
  EXPECT_EQ(ToFp16(1 + 0x1p-11).bits, 0x3C00);
  EXPECT_EQ(ToFp16(1 + 0x3p-11).bits, 0x3C02);
  EXPECT_EQ(ToFp16(-0.0).bits, 0x8000);
  EXPECT_EQ(ToBf16(1 + 0x1p-8).bits, 0x3F80);
  EXPECT_EQ(ToBf16(1 + 0x3p-8).bits, 0x3F82);
  EXPECT_EQ(ToBf16(std::numeric_limits<double>::max()).bits, 0x7F80);
}

TEST(ShapeTest, CountsElementsWithoutOverflow) {
  EXPECT_EQ(*ElementCount(Shape{}), 1);
  EXPECT_EQ(*ElementCount(Shape{2, 3, 4}), 24);
  EXPECT_EQ(*ElementCount(Shape{INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_EQ(ElementCount(Shape{INT64_MAX, 2}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ElementCount(Shape{-1, 2}).status().code(), StatusCode::kInvalidArgument);
}

TEST(ShapeTest, RefusesTooManyDimensions) {
  const std::vector<int64_t> dims(kMaxRank + 1, 1);
  EXPECT_EQ(Shape::Create(dims).status().code(), StatusCode::kInvalidArgument);
}

TEST(TensorViewTest, DataMustFitShapeExactly) {
  const std::vector<std::byte> data(16);
  EXPECT_TRUE(TensorView::Create(DType::kFp32, {2, 2}, data).ok());
  EXPECT_FALSE(TensorView::Create(DType::kFp32, {5}, data).ok());
  EXPECT_FALSE(TensorView::Create(DType::kFp32, {3}, data).ok());
  EXPECT_FALSE(TensorView::Create(DType::kFp64, {INT64_MAX}, data).ok());
  EXPECT_TRUE(TensorView::Create(DType::kFp64, {0, 7}, {}).ok());
}

TEST(TensorViewTest, AsChecksTypeAndAlignment) {
  alignas(8) std::byte data[12] = {};
  const auto view = TensorView::Create(DType::kFp32, {2}, std::span(data).subspan(1, 8));
  ASSERT_TRUE(view.ok());
  EXPECT_FALSE(view->As<float>().ok());
  EXPECT_FALSE(view->As<int32_t>().ok());
  const auto aligned = TensorView::Create(DType::kFp32, {2}, std::span(data).first(8));
  EXPECT_EQ(aligned->As<float>()->size(), 2U);
}

TEST(TensorTest, StringsKeepZeroBytes) {
  const std::vector<std::string> strings = {std::string("a\0b", 3), "", "gr\xC3\xBC\xC3\x9F"};
  const auto tensor = Tensor::FromStrings({3}, strings);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  const auto back = tensor->view().AsStrings();
  ASSERT_TRUE(back.ok());
  for (size_t i = 0; i < strings.size(); ++i) EXPECT_EQ((*back)[i], strings[i]);
}

TEST(TensorTest, BytesWithLyingLengthsAreRefused) {
  const auto check = [](std::vector<uint8_t> bytes, Shape shape) {
    return TensorView::Create(DType::kBytes, shape, std::as_bytes(std::span(bytes)))
        .status()
        .code();
  };
  EXPECT_EQ(check({1, 0, 0, 0, 'x'}, {1}), StatusCode::kOk);
  EXPECT_EQ(check({2, 0, 0, 0, 'x'}, {1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(check({0xFF, 0xFF, 0xFF, 0xFF}, {1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(check({0, 0, 0}, {1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(check({0, 0, 0, 0, 0}, {1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(check({}, {0}), StatusCode::kOk);
  EXPECT_EQ(check({}, {INT64_MAX}), StatusCode::kInvalidArgument);
}

TEST(TensorTest, AllocationOfHugeShapeIsAnErrorNotACrash) {
  EXPECT_FALSE(Tensor::Allocate(DType::kFp64, {INT64_MAX / 8}).ok());
  EXPECT_FALSE(Tensor::Allocate(DType::kFp64, {INT64_MAX}).ok());
}

TEST(TensorTest, MovedTensorKeepsItsValues) {
  const float values[] = {1, 2, 3};
  auto tensor = Tensor::FromValues<float>({3}, values);
  ASSERT_TRUE(tensor.ok());
  const Tensor moved = *std::move(tensor);
  EXPECT_EQ((*moved.view().As<float>())[2], 3);
}

TEST(TensorSpecTest, AcceptsAnySizeWhereTheModelSaysSo) {
  const TensorSpec spec{.name = "x", .dtype = DType::kFp32, .shape = {-1, 3}};
  EXPECT_TRUE(spec.Accepts(DType::kFp32, {0, 3}));
  EXPECT_TRUE(spec.Accepts(DType::kFp32, {8, 3}));
  EXPECT_FALSE(spec.Accepts(DType::kFp32, {8, 4}));
  EXPECT_FALSE(spec.Accepts(DType::kFp32, {3}));
  EXPECT_FALSE(spec.Accepts(DType::kFp64, {8, 3}));
}

TEST(SignatureTest, IsBatchedWhenEveryFirstDimensionIsFree) {
  Signature signature;
  signature.inputs = {{.name = "a", .shape = {-1, 3}}};
  signature.outputs = {{.name = "y", .shape = {-1}}};
  EXPECT_TRUE(signature.batched());
  signature.outputs.push_back({.name = "z", .shape = {1}});
  EXPECT_FALSE(signature.batched());
  EXPECT_EQ(signature.FindOutput("z"), 1U);
  EXPECT_EQ(signature.FindInput("z"), std::nullopt);
}

TEST(SignatureTest, StandsInWhereItTakesAndGivesAllThatIsAsked) {
  const Signature asked{
      .inputs = {{.name = "x", .shape = {-1, 3}}, {.name = "k", .optional = true}},
      .outputs = {{.name = "y", .shape = {-1}}}};
  EXPECT_TRUE(asked.CanStandInFor(asked));
  Signature other = asked;
  other.inputs[0].shape = {-1, -1};
  other.inputs.push_back({.name = "more", .optional = true});
  other.outputs.push_back({.name = "z"});
  EXPECT_TRUE(other.CanStandInFor(asked));
  EXPECT_FALSE(asked.CanStandInFor(other));  // it lacks an output, and takes other shapes
  Signature needs_more = asked;
  needs_more.inputs[1].optional = false;
  EXPECT_FALSE(needs_more.CanStandInFor(asked));
  Signature fixed = asked;
  fixed.inputs[0].shape = {1, 3};
  EXPECT_FALSE(fixed.CanStandInFor(asked));
  Signature of_doubles = asked;
  of_doubles.outputs[0].dtype = DType::kFp64;
  EXPECT_FALSE(of_doubles.CanStandInFor(asked));
  Signature any = asked;
  any.inputs[0] = {.name = "x", .any_rank = true};
  EXPECT_TRUE(any.CanStandInFor(asked));
  EXPECT_FALSE(asked.CanStandInFor(any));
}

}  // namespace
}  // namespace slipway::tensor

#include "tensor/json_writer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/str_cat.h"
#include "tensor/json_number_scanner.h"
#include "tensor/testing/padded_text.h"

namespace slipway::tensor {
namespace {

using testing::HasSubstr;

template <typename T>
std::string Write(const std::vector<T>& values, NotFinite not_finite = NotFinite::kRefuse) {
  const auto view = TensorView::Create(DTypeOf<T>::value, {static_cast<int64_t>(values.size())},
                                       std::as_bytes(std::span(values)));
  std::string out = "x";
  const base::Status status = AppendJsonArray(*view, not_finite, out);
  return status.ok() ? out : status.message();
}

TEST(JsonWriterTest, WritesEveryDtype) {
  EXPECT_EQ(Write<float>({0.1F, -1, 2.5e20F, 1e-7F}), "x[0.1,-1,2.5e+20,1e-07]");
  EXPECT_EQ(Write<double>({0.1, 1e300}), "x[0.1,1e+300]");
  EXPECT_EQ(Write<int8_t>({-128, 127}), "x[-128,127]");
  EXPECT_EQ(Write<uint8_t>({0, 255}), "x[0,255]");
  EXPECT_EQ(Write<int16_t>({-32768}), "x[-32768]");
  EXPECT_EQ(Write<uint16_t>({65535}), "x[65535]");
  EXPECT_EQ(Write<int32_t>({INT32_MIN}), "x[-2147483648]");
  EXPECT_EQ(Write<uint32_t>({UINT32_MAX}), "x[4294967295]");
  EXPECT_EQ(Write<int64_t>({INT64_MIN}), "x[-9223372036854775808]");
  EXPECT_EQ(Write<uint64_t>({UINT64_MAX}), "x[18446744073709551615]");
  EXPECT_EQ(Write<Fp16>({{0x3C00}, {0x2E66}, {0x7BFF}, {0x0001}, {0x8000}}),
            "x[1,0.1,6.55e+04,6e-08,-0.0]");
  EXPECT_EQ(Write<Bf16>({{0x3F80}, {0x3DCD}}), "x[1,0.1]");
  EXPECT_EQ(Write<float>({}), "x[]");
  const std::vector<std::byte> booleans = {std::byte{1}, std::byte{0}};
  std::string out;
  ASSERT_TRUE(
      AppendJsonArray(*TensorView::Create(DType::kBool, {2}, booleans), NotFinite::kRefuse, out)
          .ok());
  EXPECT_EQ(out, "[true,false]");
}

TEST(JsonWriterTest, WritesManyNumbers) {
  std::vector<int32_t> values(1000);
  std::string expected = "x[";
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int32_t>(i) * 7;
    expected.append(base::StrCat(values[i], i + 1 < values.size() ? "," : "]"));
  }
  EXPECT_EQ(Write(values), expected);
}

TEST(JsonWriterTest, WhatIsNotFiniteIsRefusedUnlessAskedFor) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {1, NAN, infinity, -infinity};
  EXPECT_THAT(Write(values), HasSubstr("element 1 is not a finite number"));
  EXPECT_EQ(Write(values, NotFinite::kLiteral), "x[1,NaN,Infinity,-Infinity]");
  EXPECT_EQ(Write(values, NotFinite::kNull), "x[1,null,null,null]");
  EXPECT_EQ(Write<Fp16>({{0x7C00}}, NotFinite::kLiteral), "x[Infinity]");
}

template <typename T>
void ExpectRoundTrip(int step) {
  for (int bits = 0; bits < 0x10000; bits += step) {
    const T value{static_cast<uint16_t>(bits)};
    if (!std::isfinite(ToFloat(value))) continue;
    PaddedText text(Write<T>({value}).substr(1));
    JsonReader reader(text.text());
    T back{};
    ASSERT_TRUE(
        ScanJsonNumbers(reader, DTypeOf<T>::value, 1, std::as_writable_bytes(std::span(&back, 1)))
            .ok());
    ASSERT_EQ(back.bits, value.bits);
  }
}

TEST(JsonWriterTest, HalfPrecisionReadsBackAsItself) {
  ExpectRoundTrip<Fp16>(7);
  ExpectRoundTrip<Bf16>(7);
}

TEST(JsonWriterTest, EscapesStrings) {
  const std::vector<std::string> strings = {
      "a\"\\\n\x01\t", "", "é€😀", std::string("\0", 1), "/", "0123456789abcdef0123456789abcdef\"",
      "\x7F"};
  const auto tensor = Tensor::FromStrings({static_cast<int64_t>(strings.size())}, strings);
  std::string out;
  ASSERT_TRUE(AppendJsonArray(tensor->view(), NotFinite::kRefuse, out).ok());
  EXPECT_EQ(out,
            "[\"a\\\"\\\\\\n\\u0001\\t\",\"\",\"é€😀\",\"\\u0000\",\"/\","
            "\"0123456789abcdef0123456789abcdef\\\"\",\"\x7F\"]");
  const std::vector<std::string> wrong = {"ok", "\xFF"};
  const auto bad = Tensor::FromStrings({2}, wrong);
  out.clear();
  EXPECT_THAT(AppendJsonArray(bad->view(), NotFinite::kRefuse, out).message(),
              HasSubstr("element 1 is not valid UTF-8"));
  std::string untouched = "x";
  EXPECT_FALSE(AppendJsonText("abc\xC3", untouched));
  EXPECT_EQ(untouched, "x");
}

TEST(JsonWriterTest, WritesAPartOfATensor) {
  const std::vector<std::string> strings = {"a", "bc", "d"};
  const auto tensor = Tensor::FromStrings({3}, strings);
  std::string out;
  ASSERT_TRUE(AppendJsonElements(tensor->view(), 1, 2, NotFinite::kRefuse, out).ok());
  EXPECT_EQ(out, "\"bc\",\"d\"");
}

}  // namespace
}  // namespace slipway::tensor

#include "tensor/json_number_scanner.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "tensor/decimal.h"
#include "tensor/tensor.h"
#include "tensor/testing/padded_text.h"

namespace slipway::tensor {
namespace {

using base::Status;
using base::StrCat;
using testing::HasSubstr;

base::Result<std::vector<std::byte>> ScanBytes(std::string_view json, DType dtype, int64_t count,
                                               base::CpuLevel level) {
  PaddedText text(json);
  JsonReader reader(text.text());
  std::vector<std::byte> out(static_cast<size_t>(count) * SizeOf(dtype));
  SLIPWAY_RETURN_IF_ERROR(ScanJsonNumbers(reader, dtype, count, out, level));
  if (!reader.Finish()) return reader.status();
  return out;
}

// Scans `json` as `count` elements; the bytes, or the error: the same at every level.
base::Result<std::vector<std::byte>> ScanBytes(std::string_view json, DType dtype, int64_t count) {
  auto bytes = ScanBytes(json, dtype, count, base::HighestCpuLevel());
  const auto expected = ScanBytes(json, dtype, count, base::CpuLevel::kBaseline);
  EXPECT_EQ(bytes.status(), expected.status()) << json;
  if (bytes.ok() && expected.ok()) {
    EXPECT_EQ(*bytes, *expected) << json;
  }
  return bytes;
}

template <typename T>
base::Result<std::vector<T>> Scan(std::string_view json, int64_t count) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, ScanBytes(json, DTypeOf<T>::value, count));
  std::vector<T> values(static_cast<size_t>(count));
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::string ErrorOf(std::string_view json, DType dtype, int64_t count) {
  return ScanBytes(json, dtype, count).status().message();
}

template <typename T>
void ExpectValues(std::string_view json, const std::vector<T>& expected) {
  const auto got = Scan<T>(json, static_cast<int64_t>(expected.size()));
  ASSERT_TRUE(got.ok()) << json << ": " << got.status();
  EXPECT_EQ(*got, expected) << json;
}

TEST(JsonNumberScannerTest, ReadsFlatAndNested) {
  ExpectValues<float>("[1,2.5,-3e2]", {1, 2.5, -300});
  ExpectValues<float>(" [ [ 1 , 2 ] ,\n[ 3 , 4 ] ] ", {1, 2, 3, 4});
  ExpectValues<int32_t>("[[[1],[2]],[[3],[4]]]", {1, 2, 3, 4});
  ExpectValues<float>("[]", {});
  ExpectValues<float>("[[],[]]", {});
  ExpectValues<float>("[[[]]]", {});
  ExpectValues<float>("[1, 2, 3.25]", {1, 2, 3.25});
}

TEST(JsonNumberScannerTest, ReadsTheLimitsOfEveryInteger) {
  ExpectValues<int8_t>("[-128,127,-0,0]", {-128, 127, 0, 0});
  ExpectValues<uint8_t>("[0,255,-0]", {0, 255, 0});
  ExpectValues<int16_t>("[-32768,32767]", {-32768, 32767});
  ExpectValues<uint16_t>("[0,65535]", {0, 65535});
  ExpectValues<int32_t>("[-2147483648,2147483647]", {INT32_MIN, INT32_MAX});
  ExpectValues<uint32_t>("[4294967295]", {UINT32_MAX});
  ExpectValues<int64_t>("[-9223372036854775808,9223372036854775807]", {INT64_MIN, INT64_MAX});
  ExpectValues<uint64_t>("[18446744073709551615]", {UINT64_MAX});
  ExpectValues<int64_t>("[123456789012345,1234567890123456,-123456789012345]",
                        {123456789012345, 1234567890123456, -123456789012345});
}

struct RefusedElement {
  DType dtype;
  const char* element;
  const char* message;
};
const RefusedElement kRefused[] = {
    {DType::kInt8, "128", "element 1: expected INT8 (-128..127), got 128"},
    {DType::kInt8, "-129", "element 1: expected INT8 (-128..127), got -129"},
    {DType::kUint8, "256", "element 1: expected UINT8 (0..255), got 256"},
    {DType::kUint8, "-1", "element 1: expected UINT8 (0..255), got -1"},
    {DType::kInt16, "32768", "got 32768"},
    {DType::kUint16, "65536", "got 65536"},
    {DType::kInt32, "2147483648", "got 2147483648"},
    {DType::kUint32, "4294967296", "got 4294967296"},
    {DType::kInt64, "9223372036854775808", "got 9223372036854775808"},
    {DType::kUint64, "18446744073709551616", "got 18446744073709551616"},
    {DType::kInt32, "1.5", "element 1: expected INT32 (-2147483648..2147483647), got 1.5"},
    {DType::kInt32, "1.0", "got 1.0"},
    {DType::kInt32, "1e2", "got 1e2"},
    {DType::kInt32, "true", "got true"},
    {DType::kInt32, "NaN", "got NaN"},
    {DType::kFp32, "null", "element 1: expected FP32 (-3.4028235e38..3.4028235e38), got null"},
    {DType::kFp32, "true", "got true"},
    {DType::kFp32, "\"1\"", "got a string"},
    {DType::kFp32, "{}", "got an object"},
    {DType::kFp32, "1e400", "got 1e400"},
    {DType::kFp32, "3.5e38", "got 3.5e38"},
    {DType::kFp32, "-3.4028236e38", "got -3.4028236e38"},
    {DType::kFp64, "1e999", "got 1e999"},
    {DType::kFp64, "1.8e308", "got 1.8e308"},
    {DType::kFp16, "65520", "element 1: expected FP16 (-65504..65504), got 65520"},
    {DType::kBf16, "3.4e38", "got 3.4e38"},
    {DType::kBool, "1", "element 1: expected BOOL (true or false), got 1"},
    {DType::kBool, "\"true\"", "got a string"},
    {DType::kBool, "null", "got null"},
};

TEST(JsonNumberScannerTest, NamesTheElementThatDoesNotFit) {
  for (const RefusedElement& c : kRefused) {
    const std::string first = c.dtype == DType::kBool ? "true" : "0";
    EXPECT_THAT(ErrorOf(StrCat("[", first, ",", c.element, "]"), c.dtype, 2), HasSubstr(c.message));
    EXPECT_THAT(ErrorOf(StrCat("[[", first, "],[", c.element, "]]"), c.dtype, 2),
                HasSubstr(c.message));
  }
}

TEST(JsonNumberScannerTest, RefusesWhatIsNoJsonNumber) {
  for (const DType dtype :
       {DType::kFp32, DType::kFp64, DType::kInt32, DType::kFp16, DType::kUint8}) {
    for (const char* element :
         {"01",        "-01", "00",  "1.",  ".5",    "-.5",     "+1",    "0x10",
          "1e",        "1e+", "-",   "--1", "1.2.3", "1e5.5",   "1_000", "1,",
          "",          "x",   "nan", "inf", "-NaN",  "Infinit", "1a",    "12345678901234567890123x",
          "0123456789"}) {
      EXPECT_NE(ErrorOf(StrCat("[", element, "]"), dtype, 1), "") << element;
    }
  }
}

TEST(JsonNumberScannerTest, ReadsPythonsWordsForWhatIsNotFinite) {
  const auto got = Scan<float>("[NaN,Infinity,-Infinity, NaN ]", 4);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(std::isnan((*got)[0]) && std::isnan((*got)[3]));
  EXPECT_EQ((*got)[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ((*got)[2], -std::numeric_limits<float>::infinity());
  ExpectValues<Fp16>("[Infinity,-Infinity]", {{0x7C00}, {0xFC00}});
  ExpectValues<Bf16>("[Infinity,-Infinity]", {{0x7F80}, {0xFF80}});
}

TEST(JsonNumberScannerTest, CountsElements) {
  EXPECT_EQ(ErrorOf("[1,2,3]", DType::kFp32, 2), "expected 2 elements, got 3");
  EXPECT_EQ(ErrorOf("[1,2,3]", DType::kFp32, 4), "expected 4 elements, got 3");
  EXPECT_EQ(ErrorOf("[[1,2],[3,4],[5,6]]", DType::kFp32, 4), "expected 4 elements, got 6");
  EXPECT_EQ(ErrorOf("[]", DType::kFp32, 1), "expected 1 elements, got 0");
  EXPECT_EQ(ErrorOf("[1]", DType::kFp32, 0), "expected 0 elements, got 1");
  EXPECT_EQ(ErrorOf("[[],[]]", DType::kFp32, 1), "expected 1 elements, got 0");
}

TEST(JsonNumberScannerTest, RefusesRaggedNesting) {
  EXPECT_THAT(ErrorOf("[[1,2],[3]]", DType::kFp32, 3),
              HasSubstr("expected lists of 2 at depth 2, got one of 1"));
  EXPECT_THAT(ErrorOf("[[1],2]", DType::kFp32, 2), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[1,[2]]", DType::kFp32, 2), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[[1],[[2]]]", DType::kFp32, 2), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[[],[1]]", DType::kFp32, 1), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[[1],[[]]]", DType::kFp32, 1), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[[[]],[1]]", DType::kFp32, 1), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("[[[1,2],[3,4]],[[5,6]]]", DType::kFp32, 6),
              HasSubstr("lists of 2 at depth 2"));
}

TEST(JsonNumberScannerTest, RefusesDeepNesting) {
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '['), DType::kFp32, 1),
              HasSubstr("at most 32 nested"));
  ExpectValues<float>(std::string(32, '[') + "1" + std::string(32, ']'), {1});
}

TEST(JsonNumberScannerTest, RefusesTextThatIsCutOffAnywhere) {
  const std::string json =
      "[[1.5,-2e3,123456789.123456789,NaN],[4, 5,0.25,12345678901234567890.5]]";
  for (size_t size = 0; size < json.size(); ++size) {
    for (const char padding : {'7', ']', ',', ' ', '.', 'e', 'a'}) {
      PaddedText text(std::string_view(json).substr(0, size), padding);
      JsonReader reader(text.text());
      std::vector<std::byte> out(8 * sizeof(float));
      EXPECT_FALSE(ScanJsonNumbers(reader, DType::kFp32, 8, out).ok()) << size;
    }
  }
  EXPECT_EQ(ErrorOf(json, DType::kFp32, 8), "");
}

TEST(JsonNumberScannerTest, ReadsBooleans) {
  PaddedText text("[true,false,true]");
  JsonReader reader(text.text());
  std::vector<std::byte> out(3);
  ASSERT_TRUE(ScanJsonNumbers(reader, DType::kBool, 3, out).ok());
  EXPECT_EQ(out, (std::vector<std::byte>{std::byte{1}, std::byte{0}, std::byte{1}}));
}

// --- rounding ---

template <typename T>
T Parse(const std::string& text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <typename T>
void ExpectAsFromChars(const std::string& text) {
  const auto got = Scan<T>("[" + text + "]", 1);
  ASSERT_TRUE(got.ok()) << text << ": " << got.status();
  const T expected = Parse<T>(text);
  using Bytes = std::array<std::byte, sizeof(T)>;
  ASSERT_EQ(std::bit_cast<Bytes>(got->front()), std::bit_cast<Bytes>(expected))
      << text << ": got " << got->front() << ", expected " << expected;
}

TEST(JsonNumberScannerTest, RoundsFloatsOnceFromTheText) {
  // Origin: values beside the middle of two floats, where rounding to double first goes wrong.
  for (const char* text : {"0.500000059604644775",
                           "0.50000005960464477539",
                           "0.5000000596046447753906251",
                           "1.00000005960464477539062500",
                           "1.00000017881393432617187499",
                           "1.00000017881393421514957253",
                           "8589973000",
                           "8589973504.5",
                           "16777217",
                           "16777216.999999999",
                           "16777217.0000001",
                           "33554431",
                           "0.000000000000000000000000000000000000011754943508",
                           "1e-45",
                           "7.1e-46",
                           "7.0e-46",
                           "3.4028235e38",
                           "3.40282346638528859811704183484516925440e+38",
                           "0",
                           "-0",
                           "0.0",
                           "-0.0",
                           "0e500",
                           "1e-5",
                           "9007199254740993",
                           "9007199254740993.5",
                           "0.1",
                           "1e22",
                           "1e23",
                           "123456789012345678",
                           "12345678901234567890",
                           "0.00000000000000000000000000000000000000001"}) {
    ExpectAsFromChars<double>(text);
    const float as_float = Parse<float>(text);
    const double tiny = std::fabs(Parse<double>(text));
    if (tiny < 1e-37) continue;  // from_chars() reports what rounds to zero; see the next test
    ASSERT_TRUE(std::isfinite(as_float));
    ExpectAsFromChars<float>(text);
  }
}

TEST(JsonNumberScannerTest, WhatIsTooSmallIsZeroWithItsSign) {
  ExpectValues<float>("[1e-400,-1e-400,1e-60]", {0, 0, 0});
  ExpectValues<double>("[1e-400,-1e-99999999999999999999]", {0, 0});
  const auto got = Scan<float>("[-1e-400,-0.0]", 2);
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(std::signbit((*got)[0]) && std::signbit((*got)[1]));
  const std::string long_zero = "0." + std::string(500, '0') + "1";
  ExpectValues<float>("[" + long_zero + "]", {0});
  ExpectValues<double>("[1" + std::string(400, '0') + "e-400]", {1});
  EXPECT_THAT(ErrorOf("[0." + std::string(400, '0') + "1e900]", DType::kFp64, 1),
              HasSubstr("FP64"));
}

// Every style of number that clients print, against the standard library.
TEST(JsonNumberScannerTest, AgreesWithFromCharsOnRandomNumbers) {
  std::mt19937_64 random(20260821);
  char text[128];
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t bits = random();
    const auto as_float = std::bit_cast<float>(static_cast<uint32_t>(bits));
    const double small = static_cast<double>(bits >> 11) * 0x1p-53 * 20 - 10;
    std::to_chars_result end{};
    switch (i % 8) {
      case 0:
        end = std::to_chars(text, text + 128, std::bit_cast<double>(bits));
        break;
      case 1:
        end = std::to_chars(text, text + 128, as_float);
        break;
      case 2:
        end = std::to_chars(text, text + 128, static_cast<double>(as_float));
        break;
      case 3:
        end = std::to_chars(text, text + 128, small, std::chars_format::fixed, i % 20);
        break;
      case 4:
        end = std::to_chars(text, text + 128, small);
        break;
      case 5:
        end = std::to_chars(text, text + 128, bits % 100'000);
        break;
      case 6:
        end = std::to_chars(text, text + 128, bits);
        break;
      default:
        end = std::to_chars(text, text + 128, small, std::chars_format::scientific, i % 19);
    }
    const std::string number(text, end.ptr);
    if (!std::isfinite(Parse<double>(number)) || number.find_first_of("ni") != std::string::npos) {
      continue;
    }
    ExpectAsFromChars<double>(number);
    const double magnitude = std::fabs(Parse<double>(number));
    if (magnitude == 0 || (magnitude > 1e-37 && magnitude < 3.4e38))
      ExpectAsFromChars<float>(number);
    if (HasFatalFailure()) return;
  }
}

// Digits that end at, just below and just above the middle of two floats, which are decided by
// digits that a double no longer tells apart.
TEST(JsonNumberScannerTest, RoundsTheMiddleOfTwoFloatsOnce) {
  std::mt19937_64 random(11);
  char text[128];
  for (int i = 0; i < 100'000; ++i) {
    const auto lower =
        std::bit_cast<float>(static_cast<uint32_t>(0x30000000 + random() % 0x20000000));
    const double middle =
        (static_cast<double>(lower) +
         static_cast<double>(std::nextafterf(lower, std::numeric_limits<float>::infinity()))) /
        2;
    const int decimals = static_cast<int>(random() % 18) + 1;
    const auto end = std::to_chars(text, text + 128, middle, std::chars_format::fixed, decimals);
    ASSERT_EQ(end.ec, std::errc());
    std::string number(text, end.ptr);
    ExpectAsFromChars<float>(number);
    char& last = number.back();
    last = static_cast<char>(last == '9' ? '8' : last + 1);
    ExpectAsFromChars<float>("-" + number);
    if (HasFatalFailure()) return;
  }
}

// Lists as clients print them, of all lengths, with what numbers may be and what they may not.
TEST(JsonNumberScannerTest, ReadsListsAlikeAtEveryLevel) {
  const std::vector<std::string> plain = {"0",     "7",    "-1",      "255",        "3.5",
                                          "-0.25", "0.5",  "1234567", "12345678",   "123456789",
                                          "-0",    "-0.0", "65535",   "0.12345679", "-2147483648"};
  const std::vector<std::string> odd = {"0.12345678806304932",
                                        "-12.345678901234567",
                                        "1234567890.123456789",
                                        "1e5",
                                        "-1.5E-3",
                                        "NaN",
                                        "1234567890123456789",
                                        "9223372036854775807",
                                        "0.1234567890123456789",
                                        "18446744073709551615",
                                        "123456789012345678901",
                                        "-Infinity"};
  const std::vector<std::string> wrong = {"01", "1.",   ".5",  "-",     "--1", "1.2.3", "1 2", "",
                                          "x",  "null", "[1]", "\"1\"", "+1",  "1,,2",  "300e"};
  const std::vector<std::string> separators = {",", ", ", " ,", ",\n  ", ",  "};
  std::mt19937 random(3);
  const auto one_of = [&](const std::vector<std::string>& choices) {
    return choices[random() % choices.size()];
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto count = static_cast<int64_t>(random() % 70);
    const uint64_t oddness = random() % 4;  // none in a quarter of the lists
    const std::string separator = random() % 3 == 0 ? one_of(separators) : ",";
    std::string json = "[";
    for (int64_t k = 0; k < count; ++k) {
      const bool is_odd = oddness > 0 && random() % (4 * oddness) == 0;
      json += is_odd ? one_of(odd) : one_of(plain);
      if (k + 1 < count) json += random() % 50 == 0 ? one_of(separators) : separator;
    }
    if (random() % 3 == 0) json.insert(1 + random() % json.size(), one_of(wrong));
    json += "]";
    for (const DType dtype : {DType::kFp32, DType::kFp64, DType::kInt64, DType::kUint64,
                              DType::kInt32, DType::kUint16, DType::kInt8, DType::kUint8}) {
      // The comparison is in ScanBytes().
      static_cast<void>(ScanBytes(json, dtype, count));
      static_cast<void>(ScanBytes(json, dtype, count + 1));
      if (count > 0) static_cast<void>(ScanBytes(json, dtype, count - 1));
    }
    ASSERT_FALSE(HasFailure()) << json;
  }
}

// Way 2 alone, where the scanner would take way 1 or none.
TEST(JsonNumberScannerTest, TableProductsAgreeWithFromChars) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t digits = random() >> (random() % 60);
    const int exponent = static_cast<int>(random() % 83) - 27;
    const std::string text = StrCat(digits, "e", exponent);
    float as_float = 0;
    double as_double = 0;
    if (decimal::FromDigits(digits, exponent, as_float)) {
      ASSERT_EQ(as_float, Parse<float>(text)) << text;
    }
    ASSERT_TRUE(decimal::FromDigits(digits, exponent, as_double) || digits == 0) << text;
    ASSERT_EQ(as_double, digits == 0 ? as_double : Parse<double>(text)) << text;
  }
}

// Between each two neighbours of a narrow type: their middle goes to the even one, and a decimal
// that is a little larger or smaller than the middle to the nearer one, however little it is.
template <typename T>
void CheckNarrowMiddles(int step, uint16_t largest) {
  char text[400];
  for (int bits = 0; bits < largest; bits += step) {
    const auto lower = static_cast<uint16_t>(bits);
    const auto upper = static_cast<uint16_t>(bits + 1);
    const double middle =
        (static_cast<double>(ToFloat(T{lower})) + static_cast<double>(ToFloat(T{upper}))) / 2;
    const auto end = std::to_chars(text, text + 400, middle, std::chars_format::fixed, 150);
    const std::string exact(text, end.ptr);
    std::string below = exact;
    const size_t last = below.find_last_not_of("0.");
    below[last] = static_cast<char>(below[last] - 1);
    std::replace(below.begin() + static_cast<std::ptrdiff_t>(last) + 1, below.end(), '0', '9');
    const auto got = Scan<T>(StrCat("[", exact, ",", exact, "1,", below, ",-", exact, "]"), 4);
    ASSERT_TRUE(got.ok()) << exact << got.status();
    const uint16_t even = lower % 2 == 0 ? lower : upper;
    ASSERT_EQ((*got)[0].bits, even) << exact;
    ASSERT_EQ((*got)[1].bits, upper) << exact;
    ASSERT_EQ((*got)[2].bits, lower) << below;
    ASSERT_EQ((*got)[3].bits, even | 0x8000) << exact;
  }
}

TEST(JsonNumberScannerTest, RoundsHalfPrecisionOnceFromTheText) {
  CheckNarrowMiddles<Fp16>(13, 0x7BFF);
  CheckNarrowMiddles<Bf16>(37, 0x7F7F);
  ExpectValues<Fp16>("[1,0.1,65504,65519.999,-0.0,5.96e-8,1e-9]",
                     {{0x3C00}, {0x2E66}, {0x7BFF}, {0x7BFF}, {0x8000}, {0x0001}, {0x0000}});
}

// --- strings and nesting ---

TEST(JsonNumberScannerTest, ReadsStringsIntoLengthPrefixedBytes) {
  PaddedText text(R"([["a",""],["\u0000b","é"]])");
  JsonReader reader(text.text());
  std::vector<std::byte> out;
  ASSERT_TRUE(ScanJsonStrings(reader, 4, out).ok());
  const auto view = TensorView::Create(DType::kBytes, {4}, out);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(*view->AsStrings(),
            (std::vector<std::string_view>{"a", "", std::string_view("\0b", 2), "é"}));
}

TEST(JsonNumberScannerTest, RefusesWrongStrings) {
  const auto error = [](std::string_view json, int64_t count) {
    PaddedText text(json);
    JsonReader reader(text.text());
    std::vector<std::byte> out;
    return ScanJsonStrings(reader, count, out).message();
  };
  EXPECT_EQ(error("[\"a\",\"b\"]", 1), "expected 1 elements, got 2");
  EXPECT_EQ(error("[\"a\",\"b\\n\"]", 3), "expected 3 elements, got 2");
  EXPECT_EQ(error("[\"a\",1]", 2), "element 1: expected BYTES (a string), got 1");
  EXPECT_EQ(error("[\"a\",null]", 2), "element 1: expected BYTES (a string), got null");
  EXPECT_THAT(error("[\"a\xFF\"]", 1), HasSubstr("valid UTF-8"));
  EXPECT_THAT(error("[\"a", 1), HasSubstr("the end of a string"));
  EXPECT_THAT(error("\"a\"", 1), HasSubstr("expected '['"));
}

TEST(JsonNumberScannerTest, MeasuresNesting) {
  const auto measure_at = [](std::string_view json, base::CpuLevel level) {
    PaddedText text(json);
    JsonReader reader(text.text());
    const base::Result<Shape> shape = MeasureJsonArray(reader, level);
    return shape.ok() ? StrCat(*shape) : shape.status().message();
  };
  const auto measure = [&](std::string_view json) {
    EXPECT_EQ(measure_at(json, base::HighestCpuLevel()),
              measure_at(json, base::CpuLevel::kBaseline));
    return measure_at(json, base::HighestCpuLevel());
  };
  EXPECT_EQ(measure("[]"), "[0]");
  EXPECT_EQ(measure("[1,2,3]"), "[3]");
  EXPECT_EQ(measure("[[1,\"a\"],[null,NaN],[-Infinity,true]]"), "[3,2]");
  EXPECT_EQ(measure("[[[]],[[]]]"), "[2,1,0]");
  EXPECT_EQ(measure("[[1.5, -2, 1e5, 1234567890123456789012],[0,1,null, 2 ]]"), "[2,4]");
  EXPECT_THAT(measure("[1,2,]"), HasSubstr("expected a value"));
  EXPECT_THAT(measure("[1,2"), HasSubstr("expected"));
  EXPECT_THAT(measure("[[1],[2,3]]"), HasSubstr("lists of 1 at depth 2"));
  EXPECT_THAT(measure("[1,{}]"), HasSubstr("got an object"));
  EXPECT_THAT(measure("[1,tru]"), HasSubstr("expected a value"));
}

TEST(JsonNumberScannerTest, ReadsAScalar) {
  const auto scan = [](std::string_view json) {
    PaddedText text(json);
    JsonReader reader(text.text());
    int32_t value = 0;
    const Status status =
        ScanJsonScalar(reader, DType::kInt32, std::as_writable_bytes(std::span(&value, 1)));
    return status.ok() ? StrCat(value) : status.message();
  };
  EXPECT_EQ(scan(" 42,"), "42");
  EXPECT_EQ(scan("-7}"), "-7");
  EXPECT_THAT(scan("1.5}"), HasSubstr("got 1.5"));
  EXPECT_THAT(scan("null"), HasSubstr("got null"));
}

}  // namespace
}  // namespace slipway::tensor

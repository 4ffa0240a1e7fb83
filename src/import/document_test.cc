#include "import/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace slipway::import {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

Document Read(std::string_view text) {
  auto document = ReadJson(text, {});
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *std::move(document) : Document{};
}

TEST(JsonDocumentTest, ReadsEveryKindOfValue) {
  const Document document = Read(
      R"( {"text": "a\u00e9\ud83d\ude00\n", "number": -1.5e3, "quoted": "5E-1", "list": ["a", 1],
           "numbers": [1, 2.5, true], "none": null, "empty": [], "object": {}} )");
  const Place root(document);
  EXPECT_EQ(*root.At("text")->Text(), "a\xC3\xA9\xF0\x9F\x98\x80\n");
  EXPECT_EQ(*root.At("number")->Number(), -1500);
  EXPECT_EQ(*root.At("quoted")->Number(), 0.5);
  EXPECT_THAT(*root.At("numbers")->Numbers(), ElementsAre(1, 2.5, 1));
  EXPECT_EQ(*(*root.At("list")->Items())[1].Number(), 1);
  EXPECT_FALSE(root.Find("none"));
  EXPECT_TRUE(root.At("empty")->Texts()->empty());
  EXPECT_TRUE(root.At("object")->is_object());
}

TEST(JsonDocumentTest, ReadsNumbersThatAreNotFinite) {
  const Document document = Read("[NaN, Infinity, -Infinity, 1e999, -1e-999]");
  const auto numbers = *Place(document).Numbers();
  EXPECT_TRUE(std::isnan(numbers[0]));
  EXPECT_EQ(numbers[1], HUGE_VAL);
  EXPECT_EQ(numbers[2], -HUGE_VAL);
  EXPECT_EQ(numbers[3], HUGE_VAL);
  EXPECT_EQ(numbers[4], 0);
}

TEST(JsonDocumentTest, RefusesWhatIsNotJsonAndNamesTheByte) {
  for (const std::string_view text :
       {"", "{", "[1,", "[1 2]", "{\"a\" 1}", "{\"a\":}", "{a:1}", "\"", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "tru", "1.2.3", "-", "[1]]", "+1", "{\"a\":1,}"}) {
    const auto document = ReadJson(text, {});
    ASSERT_FALSE(document.ok()) << text;
    EXPECT_EQ(document.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(document.status().message(), HasSubstr("JSON, byte ")) << text;
  }
}

TEST(JsonDocumentTest, LimitsDepthAndValues) {
  const std::string deep = std::string(1'000'000, '[');
  EXPECT_EQ(ReadJson(deep, {}).status().code(), StatusCode::kResourceExhausted);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(ReadJson(objects, {}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadJson("[[],[],[]]", {.max_values = 3}).status().code(),
            StatusCode::kResourceExhausted);
  // Many small values in a file that is no larger for it: numbers beside text are no array.
  std::string mixed = "[\"\"";
  for (int i = 0; i < 5'000'000; ++i) mixed += ",1";
  EXPECT_EQ(ReadJson(mixed + "]", {}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadJson("[" + mixed.substr(4) + "]", {}).ok());
}

TEST(PlaceTest, ErrorsNameThePlace) {
  const Document document = Read(R"({"a": {"b": [{"c": 1.5}], "n": [1, -1], "t": ["x", 1]}})");
  const Place a = *Place(document).At("a");
  EXPECT_EQ(a.At("x").status().message(), "a: 'x' is missing");
  const Place c = *(*a.At("b")->Items())[0].At("c");
  EXPECT_EQ(c.Integer(0, 9).status().message(),
            "a.b[0].c: expected a whole number from 0 to 9, got 1.5");
  EXPECT_EQ(c.Text().status().message(), "a.b[0].c: expected text, got a number");
  EXPECT_EQ(a.At("n")->Integers(0, 9).status().message(),
            "a.n: [1]: expected a whole number from 0 to 9, got -1");
  EXPECT_EQ(a.At("t")->Texts().status().message(), "a.t[1]: expected text, got a number");
  EXPECT_EQ(a.At("t")->Numbers().status().message(),
            "a.t: expected an array of numbers, got an array");
}

}  // namespace
}  // namespace slipway::import

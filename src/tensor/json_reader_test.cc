#include "tensor/json_reader.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tensor/testing/padded_text.h"

namespace slipway::tensor {
namespace {

using testing::HasSubstr;

std::string ErrorOfSkipping(std::string_view json) {
  PaddedText text(json);
  JsonReader reader(text.text());
  reader.SkipValue();
  reader.Finish();
  return reader.status().message();
}

std::string ReadOne(std::string_view json) {
  PaddedText text(json);
  JsonReader reader(text.text());
  std::string_view value;
  if (!reader.ReadString(value) || !reader.Finish()) return reader.status().message();
  return std::string(value);
}

TEST(JsonReaderTest, WalksAnObject) {
  PaddedText text(R"( { "id" : "a" , "n":[1,-2 ,3], "flag":true, "skip":{"x":[{}]} } )");
  JsonReader reader(text.text());
  std::vector<int64_t> numbers;
  std::string id;
  bool flag = false;
  std::string_view key;
  ASSERT_TRUE(reader.BeginObject());
  while (reader.NextKey(key)) {
    std::string_view value;
    int64_t number = 0;
    if (key == "id") {
      ASSERT_TRUE(reader.ReadString(value));
      id = value;
    } else if (key == "n") {
      ASSERT_TRUE(reader.BeginArray());
      while (reader.NextElement() && reader.ReadInt64(number)) numbers.push_back(number);
    } else if (key == "flag") {
      ASSERT_TRUE(reader.ReadBool(flag));
    } else {
      ASSERT_TRUE(reader.SkipValue());
    }
  }
  EXPECT_TRUE(reader.Finish()) << reader.status();
  EXPECT_EQ(id, "a");
  EXPECT_TRUE(flag);
  EXPECT_EQ(numbers, (std::vector<int64_t>{1, -2, 3}));
}

TEST(JsonReaderTest, AcceptsWhatTheGrammarAllows) {
  for (const char* json :
       {"{}", "[]", "[[]]", "[{}]", "0", "-0", "0.5", "1e5", "1E+5", "-1.25e-10", "true", "false",
        "null", "\"\"", " [ 1 , 2 ] ", "{\"a\":{\"b\":[]},\"c\":1}", "\"\xC3\xA9\xE2\x82\xAC\"",
        "\"\xF0\x9F\x98\x80\"", "[\"\\u00e9\\n\"]"}) {
    EXPECT_EQ(ErrorOfSkipping(json), "") << json;
  }
}

TEST(JsonReaderTest, RefusesWhatTheGrammarDoesNotAllow) {
  for (const char* json : {"",
                           " ",
                           "{",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "[,1]",
                           "{a:1}",
                           "{'a':1}",
                           "01",
                           "-",
                           "-01",
                           "1.",
                           ".5",
                           "+1",
                           "0x10",
                           "1e",
                           "1e+",
                           "1.e5",
                           "tru",
                           "truex",
                           "nul",
                           "NaN",
                           "Infinity",
                           "[1 2]",
                           "1 2",
                           "[}",
                           "{]",
                           "]",
                           "\"",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"a\nb\"",
                           "\"\x01\"",
                           "\"\\ud800\"",
                           "\"\\ud800x\"",
                           "\"\\ud800\\n\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\xFF\"",
                           "\"\xC0\xAF\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xF5\x80\x80\x80\"",
                           "\"\xE2\x82\"",
                           "\"\xF0\x8F\xBF\xBF\"",
                           "\"\xF4\x90\x80\x80\"",
                           "\"\xC3\"",
                           "//x\n1",
                           "[1]//",
                           "\xEF\xBB\xBF[]"}) {
    EXPECT_NE(ErrorOfSkipping(json), "") << json;
  }
}

TEST(JsonReaderTest, NeverReadsMeaningIntoWhatFollowsTheText) {
  const std::string_view json = R"({"a":[1,2.5e3,true,null,"x\u00e9"],"b":{}})";
  for (const char padding : {'7', '"', ']', '}', ' ', ',', 'e', '\\'}) {
    for (size_t size = 0; size < json.size(); ++size) {
      PaddedText text(json.substr(0, size), padding);
      JsonReader reader(text.text());
      EXPECT_FALSE(reader.SkipValue() && reader.Finish()) << size << padding;
    }
  }
}

TEST(JsonReaderTest, DecodesEscapesInPlace) {
  EXPECT_EQ(ReadOne(R"("plain")"), "plain");
  EXPECT_EQ(ReadOne(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(ReadOne(R"("\u0041\u00e9\u20ac\ud83d\ude00")"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(ReadOne(R"("\u0000x")"), std::string("\0x", 2));
  EXPECT_EQ(ReadOne("\"0123456789abcdef0123456789\\n\""), "0123456789abcdef0123456789\n");
}

TEST(JsonReaderTest, SkippingLeavesStringsToBeReadLater) {
  PaddedText text(R"({"a":["x\ny"],"k\u0041":1})");
  JsonReader reader(text.text());
  JsonReader bookmark = reader;
  ASSERT_TRUE(reader.SkipValue() && reader.Finish());
  std::string_view key;
  std::string_view value;
  ASSERT_TRUE(bookmark.BeginObject() && bookmark.NextKey(key) && bookmark.BeginArray() &&
              bookmark.NextElement() && bookmark.ReadString(value));
  EXPECT_EQ(value, "x\ny");
  EXPECT_FALSE(bookmark.NextElement());
  ASSERT_TRUE(bookmark.NextKey(key));
  EXPECT_EQ(key, "kA");
}

TEST(JsonReaderTest, RefusesAMillionBracketsWithoutRecursion) {
  for (const char* bracket : {"[", "{\"a\":"}) {
    std::string json;
    for (int i = 0; i < 1'000'000; ++i) json.append(bracket);
    EXPECT_THAT(ErrorOfSkipping(json), HasSubstr("at most 100 nested brackets"));
  }
  EXPECT_EQ(ErrorOfSkipping(std::string(100, '[') + std::string(100, ']')), "");
  EXPECT_NE(ErrorOfSkipping(std::string(101, '[') + std::string(101, ']')), "");
}

TEST(JsonReaderTest, SaysWhereAndWhat) {
  EXPECT_EQ(ErrorOfSkipping("[1,x]"), "JSON, byte 3: expected a value, got 'x'");
  EXPECT_EQ(ErrorOfSkipping("[1 x]"), "JSON, byte 3: expected ',' or ']', got 'x'");
  EXPECT_EQ(ErrorOfSkipping("{\"a\" 1}"), "JSON, byte 5: expected ':', got '1'");
  EXPECT_EQ(ErrorOfSkipping("[1,"), "JSON, byte 3: expected a value, got the end of the text");
}

TEST(JsonReaderTest, IntegersMustFit) {
  const auto read = [](std::string_view json) {
    PaddedText text(json);
    JsonReader reader(text.text());
    int64_t value = 0;
    return reader.ReadInt64(value) && reader.Finish() ? value : -1;
  };
  EXPECT_EQ(read("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(read("9223372036854775808"), -1);
  EXPECT_EQ(read("1.0"), -1);
  EXPECT_EQ(read("1e2"), -1);
  EXPECT_EQ(read("\"1\""), -1);
  PaddedText text("18446744073709551615");
  uint64_t value = 0;
  EXPECT_TRUE(JsonReader(text.text()).ReadUint64(value));
  EXPECT_EQ(value, ~uint64_t{0});
  PaddedText negative("-1");
  EXPECT_FALSE(JsonReader(negative.text()).ReadUint64(value));
}

TEST(JsonReaderTest, ErrorsStick) {
  PaddedText text("[1,?]");
  JsonReader reader(text.text());
  int64_t value = 0;
  ASSERT_TRUE(reader.BeginArray() && reader.NextElement() && reader.ReadInt64(value));
  ASSERT_TRUE(reader.NextElement());
  EXPECT_FALSE(reader.ReadInt64(value));
  const base::Status first = reader.status();
  bool flag = false;
  std::string_view string;
  EXPECT_FALSE(reader.NextElement() || reader.ReadBool(flag) || reader.ReadString(string) ||
               reader.SkipValue() || reader.BeginArray() || reader.BeginObject() ||
               reader.Finish());
  EXPECT_EQ(reader.status(), first);
}

}  // namespace
}  // namespace slipway::tensor

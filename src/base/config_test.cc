#include "base/config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace slipway::base {
namespace {

struct Settings {
  std::string listen = "127.0.0.1:8000";
  uint64_t max_body = 64;
  std::chrono::nanoseconds idle = std::chrono::seconds(120);
  bool strict = false;
  std::vector<std::string> models;

  std::vector<ConfigField> Fields() {
    return {
        {"listen", "Where to listen",
         [this](const ConfigValue& value) {
           SLIPWAY_ASSIGN_OR_RETURN(listen, value.AsString());
           return OkStatus();
         },
         [this] { return listen; }},
        {"models", "What to serve",
         [this](const ConfigValue& value) {
           SLIPWAY_ASSIGN_OR_RETURN(models, value.AsStrings());
           return OkStatus();
         },
         [] { return std::string("[]"); }},
        {"limits.max_body", "Largest body",
         [this](const ConfigValue& value) {
           SLIPWAY_ASSIGN_OR_RETURN(max_body, value.AsByteSize());
           return OkStatus();
         },
         [this] { return std::to_string(max_body); }},
        {"limits.idle", "Idle timeout",
         [this](const ConfigValue& value) {
           SLIPWAY_ASSIGN_OR_RETURN(idle, value.AsDuration());
           return OkStatus();
         },
         [] { return std::string("120s"); }},
        {"limits.strict", "Refuse what is unknown",
         [this](const ConfigValue& value) {
           SLIPWAY_ASSIGN_OR_RETURN(strict, value.AsBool());
           return OkStatus();
         },
         [this] { return std::string(strict ? "true" : "false"); }},
    };
  }
};

Status Read(std::string_view text, Settings& settings) {
  SLIPWAY_ASSIGN_OR_RETURN(const ConfigValue document, ParseConfig(text, "slipway.yaml"));
  return ReadConfig(document, settings.Fields());
}

TEST(ConfigTest, ReadsSectionsListsAndUnits) {
  Settings settings;
  const Status status = Read(
      "listen: 0.0.0.0:9000\nmodels: [a, b]\nlimits:\n  max_body: 2KiB\n  idle: 5s\n  strict: "
      "true\n",
      settings);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(settings.listen, "0.0.0.0:9000");
  EXPECT_EQ(settings.models, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings.max_body, 2048U);
  EXPECT_EQ(settings.idle, std::chrono::seconds(5));
  EXPECT_TRUE(settings.strict);
}

TEST(ConfigTest, ReadsJsonToo) {
  Settings settings;
  EXPECT_TRUE(Read(R"({"listen": "[::1]:1", "limits": {"strict": true}})", settings).ok());
  EXPECT_EQ(settings.listen, "[::1]:1");
}

TEST(ConfigTest, EmptyDocumentKeepsTheDefaults) {
  Settings settings;
  EXPECT_TRUE(Read("", settings).ok());
  EXPECT_TRUE(Read("# nothing\n", settings).ok());
  EXPECT_TRUE(Read("limits:\n", settings).ok());
  EXPECT_EQ(settings.max_body, 64U);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* message;
};
class BadConfigTest : public testing::TestWithParam<BadCase> {};
TEST_P(BadConfigTest, SaysWhereAndWhat) {
  Settings settings;
  const Status status = Read(GetParam().text, settings);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), GetParam().message);
}
const BadCase kBad[] = {
    {"UnknownNear", "listen: x\nlimits:\n  max_boddy: 1\n",
     "slipway.yaml:3:3: unknown field 'limits.max_boddy'; did you mean 'limits.max_body'?"},
    {"UnknownFar", "zebra: 1\n",
     "slipway.yaml:1:1: unknown field 'zebra'; --print-config lists every field"},
    {"Twice", "listen: a\nlisten: b\n", "slipway.yaml:2:1: 'listen' is given twice"},
    {"WrongKind", "listen: [a]\n", "slipway.yaml:1:9: expected a single value, got a list"},
    {"SectionIsScalar", "limits: 3\n",
     "slipway.yaml:1:9: 'limits': expected a section, got a single value"},
    {"BadBool", "limits: {strict: yes}\n", "slipway.yaml:1:18: expected true or false, got 'yes'"},
    {"BadSize", "limits:\n  max_body: lots\n",
     "slipway.yaml:2:13: expected a byte size such as '64MiB' or '1.5GB', got 'lots'"},
    {"NotAMap", "- a\n- b\n",
     "slipway.yaml:1:1: expected fields such as 'listen: 127.0.0.1:8000', got a list"},
    {"Alias", "a: &x [1]\nb: *x\n",
     "slipway.yaml:1:4: anchors and aliases ('&', '*') are not supported; write the value out"},
};
INSTANTIATE_TEST_SUITE_P(Bad, BadConfigTest, testing::ValuesIn(kBad),
                         [](const auto& c) { return c.param.name; });

TEST(ConfigTest, DeepNestingIsRefused) {
  Settings settings;
  const std::string deep(100'000, '[');
  EXPECT_EQ(Read(deep, settings).code(), StatusCode::kInvalidArgument);
  std::string nested = "listen: ";
  for (int i = 0; i < 200; ++i) nested.push_back('[');
  for (int i = 0; i < 200; ++i) nested.push_back(']');
  EXPECT_EQ(Read(nested, settings).code(), StatusCode::kInvalidArgument);
}

TEST(ConfigTest, WhatItPrintsCanBeReadAgain) {
  Settings settings;
  settings.listen = "127.0.0.1:1234";
  const std::string text = PrintConfig(settings.Fields());
  Settings again;
  const Status status = Read(text, again);
  ASSERT_TRUE(status.ok()) << status << "\n" << text;
  EXPECT_EQ(again.listen, "127.0.0.1:1234");
}

}  // namespace
}  // namespace slipway::base

#include "app/server/config_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace slipway::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

ServerConfig Config(const std::string& text) {
  ServerConfig config;
  const auto document = base::ParseConfig(text, "slipway.yaml");
  EXPECT_TRUE(document.ok()) << document.status();
  const base::Status read = base::ReadConfig(*document, config.Fields());
  EXPECT_TRUE(read.ok()) << read;
  return config;
}

TEST(ConfigChangeTest, TheSameIsNoChange) {
  const std::string text = "models: [net.onnx]\nmodel_settings: {net: {objective: 20ms}}\n";
  const ConfigChange change = CompareConfigs(Config(text), Config(text));
  EXPECT_THAT(change.applied, IsEmpty());
  EXPECT_THAT(change.waiting, IsEmpty());
  EXPECT_FALSE(change.models());
}

TEST(ConfigChangeTest, SettingsOfModelsChange) {
  const ConfigChange change = CompareConfigs(
      Config("objective: 50ms\n"),
      Config("objective: 20ms\nbatching: {max_rows: 8}\nmodel_settings: {net: {timeout: 1s}}\n"));
  EXPECT_THAT(change.applied, ElementsAre("batching.max_rows", "objective", "model_settings"));
  EXPECT_THAT(change.waiting, IsEmpty());
  EXPECT_TRUE(change.models());
  EXPECT_EQ(change.next.own.For("net", change.next.model).timeout, 1s);
  EXPECT_EQ(change.next.own.For("other", change.next.model).objective, 20ms);
}

TEST(ConfigChangeTest, LogsAndTracesChangeWithoutTheModels) {
  const ConfigChange change = CompareConfigs(
      Config("trace: {file: t.json}\n"),
      Config("log: {level: debug}\ntrace: {file: t.json, level: TIMESTAMPS, rate: 10}\n"));
  EXPECT_THAT(change.applied, ElementsAre("log.level", "trace.level", "trace.rate"));
  EXPECT_FALSE(change.models());
  EXPECT_EQ(change.next.log_level, base::LogLevel::kDebug);
  EXPECT_EQ(change.next.trace.settings.rate, 10U);
}

// They are compared with what holds, so that each reload tells of them again.
TEST(ConfigChangeTest, WhatIsSetUpAtTheStartWaitsForTheNextOne) {
  const ServerConfig running = Config("listen: [127.0.0.1:8000]\n");
  const ServerConfig wanted = Config(
      "listen: [127.0.0.1:9000]\nio_threads: 3\ntrace: {file: t.json}\nlimits: {max_body: 1MiB}\n"
      "objective: 20ms\n");
  const ConfigChange change = CompareConfigs(running, wanted);
  EXPECT_THAT(change.applied, ElementsAre("objective"));
  EXPECT_THAT(change.waiting, ElementsAre("listen", "io_threads", "trace.file", "limits.max_body"));
  EXPECT_EQ(change.next.listen, running.listen);
  const ConfigChange again = CompareConfigs(change.next, wanted);
  EXPECT_THAT(again.applied, IsEmpty());
  EXPECT_EQ(again.waiting, change.waiting);
}

}  // namespace
}  // namespace slipway::app

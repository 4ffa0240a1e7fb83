#include "app/server/model_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/server/server_config.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

base::Status Read(std::string_view text, ServerConfig& config) {
  const auto document = base::ParseConfig(text, "slipway.yaml");
  if (!document.ok()) return document.status();
  return base::ReadConfig(*document, config.Fields());
}

constexpr std::string_view kExample = R"(
models: [repository]
objective: 20ms
batching: {max_rows: 32}
model_settings:
  slow.one:
    provider: cuda
    objective: 1500us
    batching:
      max_delay: 2ms
      preferred_sizes: [16, 8]
      pad: {ids: 0, mask: -1}
    timeout: 1s
  other: {queue_threads: 3, shed_overload: false}
  as_all:
)";

TEST(ModelSettingsTest, AModelHasItsOwnSettingsAndThoseOfAllElse) {
  ServerConfig config;
  const base::Status read = Read(kExample, config);
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_TRUE(config.Validate().ok()) << config.Validate();
  const ModelSettings slow = config.own.For("slow.one", config.model);
  EXPECT_EQ(slow.provider, "cuda");
  EXPECT_EQ(slow.objective, 1500us);
  EXPECT_EQ(slow.max_batch_rows, 32);
  EXPECT_EQ(slow.max_batch_delay, 2ms);
  EXPECT_EQ(slow.timeout, 1s);
  const ModelSettings other = config.own.For("other", config.model);
  EXPECT_EQ(other.queue_threads, 3);
  EXPECT_FALSE(other.ToRuntime(1, 1).queue.shed_overload);
  EXPECT_TRUE(slow.ToRuntime(1, 1).queue.shed_overload);
  EXPECT_EQ(other.objective, 20ms);
  EXPECT_EQ(other.provider, "cpu");
  EXPECT_EQ(config.own.For("as_all", config.model).objective, 20ms);
  EXPECT_EQ(config.own.For("unknown", config.model).max_batch_rows, 32);
}

TEST(ModelSettingsTest, AWeightBecomesAPriorityOfThreads) {
  const auto nice = [](int64_t weight) {
    ModelSettings settings;
    settings.cpu_weight = weight;
    EXPECT_TRUE(settings.Validate().ok());
    return settings.ToRuntime(1, 1).queue.nice;
  };
  EXPECT_EQ(nice(100), 0);
  EXPECT_EQ(nice(50), 3);
  EXPECT_EQ(nice(10), 10);
  EXPECT_EQ(nice(1), 19);
  ModelSettings settings;
  settings.cpu_weight = 101;
  EXPECT_THAT(settings.Validate().message(), HasSubstr("cpu_weight: expected 1 to 100, got 101"));
}

TEST(ModelSettingsTest, OnlyAnObjectiveChoosesOperatorThreads) {
  ModelSettings settings;
  EXPECT_EQ(settings.ToConfig(8).engine.intra_op_threads, 1);
  EXPECT_EQ(settings.ToRuntime(8, 1).most_operator_threads, 1);
  settings.objective = 20ms;
  EXPECT_EQ(settings.ToRuntime(8, 1).most_operator_threads, 8);
  settings.intra_op_threads = 2;
  EXPECT_EQ(settings.ToConfig(8).engine.intra_op_threads, 2);
  EXPECT_EQ(settings.ToRuntime(8, 1).most_operator_threads, 1);
}

TEST(ModelSettingsTest, AnOverflowModelIsForModelsWhoseQueueRefuses) {
  ModelSettings settings;
  settings.overflow_model = "small";
  EXPECT_TRUE(settings.Validate().ok());
  EXPECT_EQ(settings.ToRuntime(1, 1).overflow_model, "small");
  settings.cache_bytes = 1;
  EXPECT_THAT(settings.Validate().message(),
              HasSubstr("overflow_model: expected none for a model"));
}

TEST(ModelSettingsTest, PrintedSettingsCanBeReadBack) {
  ServerConfig config;
  ASSERT_TRUE(Read(kExample, config).ok());
  EXPECT_EQ(
      config.own.Print(),
      R"({"as_all": {}, "other": {queue_threads: 3, shed_overload: false}, "slow.one": {provider: "cuda", )"
      R"(batching: {max_delay: 2ms, preferred_sizes: [16, 8], pad: {"ids": 0, "mask": -1}}, objective: 1500us, )"
      R"(timeout: 1000ms}})");
  ServerConfig again;
  const base::Status read = Read(base::PrintConfig(config.Fields()), again);
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_EQ(base::PrintConfig(again.Fields()), base::PrintConfig(config.Fields()));
}

TEST(ModelSettingsTest, WhatIsWrongIsSaidWithItsPlace) {
  const auto error = [](std::string_view text) {
    ServerConfig config;
    return Read(text, config);
  };
  EXPECT_THAT(error("model_settings:\n  m:\n    objektive: 1s").message(),
              AllOf(HasSubstr("slipway.yaml:3:5"), HasSubstr("did you mean 'objective'?")));
  EXPECT_THAT(error("model_settings: {m: {batching: {maxrows: 1}}}").message(),
              HasSubstr("did you mean 'batching.max_rows'?"));
  EXPECT_THAT(error("model_settings: {m: {listen: x}}").message(),
              HasSubstr("unknown field 'listen'"));
  EXPECT_THAT(error("model_settings: {m: {objective: soon}}").message(),
              HasSubstr("slipway.yaml:1:33"));
  EXPECT_THAT(error("model_settings: [m]").message(), HasSubstr("expected model names"));
  EXPECT_THAT(error("model_settings: {m: 5}").message(), HasSubstr("model 'm': expected settings"));
  EXPECT_THAT(error("model_settings: {m: {}, m: {}}").message(), HasSubstr("given twice"));
  EXPECT_THAT(error("batching: {preferred_sizes: [0]}").message(), HasSubstr("from 1"));
}

TEST(ModelSettingsTest, PreferredSizesFitIntoABatch) {
  ServerConfig config;
  ASSERT_TRUE(
      Read("models: [m]\nmodel_settings: {m: {batching: {preferred_sizes: [128]}}}", config).ok());
  EXPECT_EQ(config.Validate().message(),
            "model_settings, model 'm': batching.preferred_sizes: expected at most 64 "
            "(batching.max_rows), got 128");
}

TEST(ModelSettingsTest, AModelMayHaveAState) {
  ServerConfig config;
  const base::Status read = Read(R"(
models: [m]
model_settings:
  rnn:
    sequence:
      state: [{input: h_in, output: h_out}, {input: c, output: "c out", shape: [2, 1, 64]}]
      idle_timeout: 5s
      max_sequences: 20
)",
                                 config);
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_TRUE(config.Validate().ok()) << config.Validate();
  EXPECT_EQ(config.own.Print(),
            R"({"rnn": {sequence: {state: [{input: "h_in", output: "h_out"}, )"
            R"({input: "c", output: "c out", shape: [2, 1, 64]}], idle_timeout: 5000ms, )"
            R"(max_sequences: 20}}})");
  const ModelSettings settings = config.own.For("rnn", config.model);
  const lifecycle::ModelConfig model = settings.ToConfig(1);
  ASSERT_EQ(model.engine.states.size(), 2U);
  EXPECT_EQ(model.engine.states[0].output, "h_out");
  EXPECT_THAT(model.engine.states[1].shape, ElementsAre(2, 1, 64));
  EXPECT_EQ(model.max_sequences, 20U);
  const auto runtime = settings.ToRuntime(1, 1);
  EXPECT_EQ(runtime.sequence.max_sequences, 20U);
  EXPECT_EQ(runtime.sequence.idle_timeout, 5s);
  EXPECT_EQ(config.model.ToConfig(1).max_sequences, 0U) << "other models have none";
}

TEST(ModelSettingsTest, AStateIsSaidWithItsInputAndOutput) {
  const auto error = [](std::string_view state) {
    ServerConfig config;
    return Read("models: [m]\nsequence:\n  state: " + std::string(state), config).message();
  };
  EXPECT_THAT(error("h"), HasSubstr("slipway.yaml:3:10"));
  EXPECT_THAT(error("h"), HasSubstr("expected a list such as [{input: h_in, output: h_out}]"));
  EXPECT_THAT(error("[h]"), HasSubstr("expected a list such as"));
  EXPECT_THAT(error("[{input: h}]"), HasSubstr("both the name of an input and of an output"));
  EXPECT_THAT(error("[{input: h, outptu: g}]"), HasSubstr("unknown field 'outptu'"));
  EXPECT_THAT(error("[{input: h, output: g, shape: [-1]}]"), HasSubstr("from 1"));
  EXPECT_THAT(error("[{input: h, output: g, shape: []}]"), HasSubstr("a shape such as [1, 64]"));
}

TEST(ModelSettingsTest, AModelWithAStateHasNoCache) {
  ServerConfig config;
  ASSERT_TRUE(Read("models: [m]\nmodel_settings: {m: {sequence: {state: [{input: a, output: b}]}, "
                   "cache: {max_bytes: 1MiB}}}",
                   config)
                  .ok());
  EXPECT_EQ(config.Validate().message(),
            "model_settings, model 'm': cache.max_bytes: expected 0 for a model with "
            "sequence.state, whose answers to equal requests differ");
}

TEST(ModelSettingsTest, TheFieldsComeOutAtTheRuntime) {
  ModelSettings settings;
  settings.preferred_batch_rows = {16, 8};
  settings.timeout = 1s;
  const auto options = settings.ToRuntime(4, 2);
  EXPECT_EQ(options.queue.threads, 4U);
  EXPECT_EQ(options.stat_shards, 2U);
  EXPECT_EQ(options.timeout, 1s);
  EXPECT_THAT(options.queue.preferred_rows, ElementsAre(8, 16));
}

// What the configuration's own description says must be what it takes.
TEST(ModelSettingsTest, TheSectionsCommentNamesEveryField) {
  ServerConfig config;
  const auto fields = config.Fields();
  const auto section = std::ranges::find(fields, "model_settings", &base::ConfigField::path);
  ASSERT_NE(section, fields.end());
  ModelSettings settings;
  for (const base::ConfigField& field : settings.Fields()) {
    EXPECT_THAT(std::string(section->comment),
                HasSubstr(std::string(field.path.substr(0, field.path.find('.')))));
  }
}

}  // namespace
}  // namespace slipway::app

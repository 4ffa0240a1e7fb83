#include "app/server/triton_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "app/server/model_control.h"

namespace slipway::app {
namespace {

using base::StatusCode;
using lifecycle::VersionPolicy;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

base::Result<ModelSettings> Apply(std::string_view json, ModelSettings settings = {}) {
  SLIPWAY_ASSIGN_OR_RETURN(const TritonConfig config, ReadTritonConfig(json));
  return config.Applied(std::move(settings));
}

VersionPolicy PolicyOf(std::string_view json) {
  const auto config = ReadTritonConfig(json);
  EXPECT_TRUE(config.ok()) << config.status();
  return config->version_policy.value_or(VersionPolicy());
}

TEST(TritonConfigTest, HasAVersionPolicy) {
  EXPECT_THAT(PolicyOf(R"({"version_policy":{"specific":{"versions":["3",1,3]}}})").versions,
              ElementsAre(1, 3));
  EXPECT_EQ(PolicyOf(R"({"version_policy":{"all":{}}})").kind, VersionPolicy::Kind::kAll);
  EXPECT_EQ(PolicyOf(R"({"version_policy":{"latest":{"num_versions":2}}})").count, 2U);
  EXPECT_EQ(PolicyOf(R"({"version_policy":{"latest":{}}})").count, 1U);
  EXPECT_FALSE(ReadTritonConfig("{}")->version_policy.has_value());
}

TEST(TritonConfigTest, SaysHowAModelRuns) {
  const auto settings = Apply(R"({
      "name": "m", "max_batch_size": 32, "input": [{"name": "x"}], "parameters": {"a": {}},
      "dynamic_batching": {"preferred_batch_size": [8, "16"], "max_queue_delay_microseconds": "500",
        "default_queue_policy": {"timeout_action": "REJECT", "default_timeout_microseconds": 20000,
                                 "max_queue_size": 7}},
      "instance_group": [{"count": 2, "kind": "KIND_CPU"}, {}]})");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->max_batch_rows, 32);
  EXPECT_THAT(settings->preferred_batch_rows, ElementsAre(8, 16));
  EXPECT_EQ(settings->max_batch_delay, 500us);
  EXPECT_EQ(settings->timeout, 20ms);
  EXPECT_EQ(settings->max_queued, 7);
  EXPECT_EQ(settings->queue_threads, 3);
}

TEST(TritonConfigTest, WhatItDoesNotSayStays) {
  ModelSettings own;
  own.max_batch_rows = 5;
  own.queue_threads = 2;
  own.cache_bytes = 1 << 20;
  const auto settings =
      Apply(R"({"dynamic_batching": {}, "response_cache": {"enable": true}})", own);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->max_batch_rows, 5);
  EXPECT_EQ(settings->queue_threads, 2);
  EXPECT_EQ(settings->cache_bytes, 1U << 20);
  EXPECT_EQ(Apply(R"({"response_cache": {"enable": false}})", own)->cache_bytes, 0U);
  EXPECT_EQ(Apply(R"({"max_batch_size": 0})", own)->max_batch_rows, 1);
}

TEST(TritonConfigTest, RefusesWhatIsNoModelConfig) {
  struct Case {
    const char* json;
    const char* said;
  };
  const Case cases[] = {
      {"{", "not valid JSON"},
      {"[]", "expected a JSON object"},
      {R"({"max_batch_sise": 8})", "did you mean 'max_batch_size'"},
      {R"({"max_batch_size": "many"})", "max_batch_size: expected a whole number, got \"many\""},
      {R"({"max_batch_size": -1})", "max_batch_size: expected a number from 0"},
      {R"({"max_batch_size": 18446744073709551615})", "max_batch_size: expected a whole number"},
      {R"({"version_policy": 3})", "version_policy: expected 'latest', 'all' or 'specific'"},
      {R"({"version_policy": {"newest": 1}})", "expected 'latest', 'all' or 'specific'"},
      {R"({"version_policy": {"latest": 5}})", "version_policy.latest: expected an object"},
      {R"({"version_policy": {"latest": {"num_versions": 0}}})",
       "num_versions: expected a number from 1"},
      {R"({"version_policy": {"specific": {"versions": ["x"]}}})",
       "versions[0]: expected a whole number"},
      {R"({"version_policy": {"specific": {"versions": "1"}}})", "versions: expected a list"},
      {R"({"dynamic_batching": {"max_queue_delay_microseconds": 1e30}})",
       "expected a whole number"},
      {R"({"dynamic_batching": {"max_queue_delay_microseconds": 9223372036854775807}})",
       "expected a number from 0 to 1000000000000"},
      {R"({"dynamic_batching": {"preferred_batch_size": [128]}})", "expected at most 64"},
      {R"({"dynamic_batching": {"default_queue_policy": {"timeout_action": "DELAY"}}})",
       "timeout_action: expected REJECT"},
      {R"({"instance_group": [{"count": 1024}, {"count": 1}]})", "at most 1024 instances"},
      {R"({"response_cache": {"enable": true}})", "set cache.max_bytes"},
      {R"({"response_cache": {"enable": 1}})", "response_cache.enable: expected true or false"},
  };
  for (const Case& one : cases) {
    const base::Status status = Apply(one.json).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << one.json;
    EXPECT_THAT(status.message(), HasSubstr(one.said)) << one.json;
  }
}

TEST(TritonConfigTest, TheStateOfSequencesIsTaken) {
  const auto settings = Apply(R"({"max_batch_size": 8, "sequence_batching": {
      "max_sequence_idle_microseconds": "5000000",
      "state": [{"input_name": "h", "output_name": "h_out", "data_type": "TYPE_FP32",
                 "dims": [2, 3], "initial_state": [{"name": "start", "data_type": "TYPE_FP32",
                                                    "dims": [2, 3], "zero_data": true}]},
                {"input_name": "n", "output_name": "n_out"}]}})");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->sequence_idle, std::chrono::seconds(5));
  const std::vector<engine::StateOption> states = {
      {.input = "h", .output = "h_out", .shape = {1, 2, 3}, .dtype = tensor::DType::kFp32},
      {.input = "n", .output = "n_out"}};
  EXPECT_EQ(settings->states, states);
  const auto whole = Apply(
      R"({"sequence_batching": {"state": [{"input_name": "h", "output_name": "g", "dims": [2]}]}})");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->states[0].shape, std::vector<int64_t>({2})) << "there is no batch dimension";
}

TEST(TritonConfigTest, OfSequencesAllElseIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{}", "expected 'state'"},
      {R"({"oldest": {}, "control_input": []})", "'control_input', 'oldest' not supported"},
      {R"({"state": [{"input_name": "h", "output_name": "g", "use_growable_memory": true}]})",
       "sequence_batching.state[0]: 'use_growable_memory' not supported"},
      {R"({"state": [{"input_name": "h", "output_name": "g",
                      "initial_state": [{"data_file": "f"}]}]})",
       "initial_state[0]: 'data_file' not supported"},
  };
  for (const auto& [json, said] : cases) {
    const base::Status status = Apply(R"({"sequence_batching": )" + json + "}").status();
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << json;
    EXPECT_THAT(status.message(), HasSubstr(said)) << json;
  }
  for (const auto& [state, said] : std::vector<std::pair<std::string, std::string>>{
           {R"({"output_name": "g"})", "state[0].input_name: expected text"},
           {R"({"input_name": "h", "output_name": "g", "data_type": "FP32"})", "such as TYPE_FP32"},
           {R"({"input_name": "h", "output_name": "g", "dims": [-1]})", "a number from 1"},
           {R"({"input_name": "h", "output_name": "g", "initial_state": [{"zero_data": false}]})",
            "zero_data: expected true"}}) {
    const base::Status status =
        Apply(R"({"sequence_batching": {"state": [)" + state + "]}}").status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << state;
    EXPECT_THAT(status.message(), HasSubstr(said)) << state;
  }
}

TEST(TritonConfigTest, NamesWhatIsNotSupported) {
  for (const char* json :
       {R"({"ensemble_scheduling": {}})", R"({"model_transaction_policy": {"decoupled": true}})",
        R"({"instance_group": [{"kind": "KIND_GPU"}]})"}) {
    EXPECT_EQ(ReadTritonConfig(json).status().code(), StatusCode::kUnimplemented) << json;
  }
  EXPECT_TRUE(ReadTritonConfig(R"({"model_transaction_policy": {"decoupled": false}})").ok());
}

TEST(TritonConfigTest, RefusesDeepJson) {
  const std::string deep(100'000, '[');
  const std::string json = R"({"parameters":)" + deep + std::string(100'000, ']') + "}";
  EXPECT_EQ(ReadTritonConfig(json).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(ReadTritonConfig(R"({"name": "[[[[\"[[["})").ok());
}

TEST(ModelControlTest, ALoadCallTakesWhatItSaysAndKeepsIt) {
  ModelSettings defaults;
  defaults.provider = "cuda";
  const std::string json = R"({"response_cache": {"enable": false}})";
  const auto load =
      ToLoadRequest({.name = "m", .config_json = json, .files = {}}, defaults, /*processors=*/2);
  ASSERT_TRUE(load.ok()) << load.status();
  const lifecycle::ModelConfig config = load->config.value_or(lifecycle::ModelConfig());
  EXPECT_EQ(config.engine.provider, "cuda");
  EXPECT_EQ(config.override_json, json);
  const auto plain = ToLoadRequest({.name = "m", .config_json = "", .files = {}}, defaults, 2);
  EXPECT_FALSE(plain->config.has_value());
}

}  // namespace
}  // namespace slipway::app

#include <gtest/gtest.h>

#include "app/model_control.h"
#include "app/server_config.h"
#include "app/warmup_request.h"

namespace slipway::app {
namespace {

using base::StatusCode;

TEST(ServerConfigTest, PrintedDefaultsCanBeReadBack) {
  ServerConfig config;
  const std::string text = base::PrintConfig(config.Fields());
  const auto document = base::ParseConfig(text, "printed");
  ASSERT_TRUE(document.ok()) << document.status();
  ServerConfig again;
  const base::Status status = base::ReadConfig(*document, again.Fields());
  EXPECT_TRUE(status.ok()) << status << "\n" << text;
  EXPECT_EQ(base::PrintConfig(again.Fields()), text);
}

TEST(ServerConfigTest, AddressesBeyondLoopbackNeedConsent) {
  ServerConfig config;
  config.models = {"m.onnx"};
  EXPECT_TRUE(config.Validate().ok()) << config.Validate();
  config.listen = {"0.0.0.0:8000"};
  EXPECT_EQ(config.Validate().code(), StatusCode::kInvalidArgument);
  config.insecure = true;
  EXPECT_TRUE(config.Validate().ok());
}

TEST(ServerConfigTest, RefusesWhatDoesNotFit) {
  ServerConfig config;
  EXPECT_EQ(config.Validate().code(), StatusCode::kInvalidArgument);  // no model
  config.models = {"m.onnx"};
  config.control = "none";
  EXPECT_EQ(config.Validate().code(), StatusCode::kInvalidArgument);
  config.control = "explicit";
  config.version_policy = "newest";
  EXPECT_EQ(config.Validate().code(), StatusCode::kInvalidArgument);
}

base::Result<lifecycle::LoadRequest> Convert(std::string config) {
  return ToLoadRequest({.name = "m", .config_json = std::move(config), .files = {}}, {});
}

TEST(WarmupRequestTest, IsTheBodyOfAnInferRequest) {
  const tensor::Signature signature{
      .inputs = {{.name = "x", .dtype = tensor::DType::kBf16, .shape = {-1, 2}},
                 {.name = "y", .dtype = tensor::DType::kBytes, .shape = {1}, .optional = true}},
      .outputs = {}};
  const auto inputs = DecodeWarmupRequest(
      R"({"inputs":[{"name":"x","datatype":"BF16","shape":[1,2],"data":[1,2]}]})", signature);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  ASSERT_EQ(inputs->size(), 2U);
  EXPECT_EQ((*inputs)[0].dtype(), tensor::DType::kBf16);
  EXPECT_EQ((*inputs)[0].view().element_count(), 2);
  EXPECT_TRUE((*inputs)[1].view().absent());
  for (const char* body : {"", "{", R"({"inputs":[]})", R"({"inputs":[{"name":"x"}]})"}) {
    EXPECT_EQ(DecodeWarmupRequest(body, signature).status().code(),
              base::StatusCode::kInvalidArgument)
        << body;
  }
}

TEST(ModelControlTest, VersionPolicyOfAConfigIsHonoured) {
  const auto load = Convert(R"({"name":"m","version_policy":{"specific":{"versions":["3",1]}}})");
  ASSERT_TRUE(load.ok()) << load.status();
  ASSERT_TRUE(load->policy.has_value());
  EXPECT_EQ(load->policy.value_or(lifecycle::VersionPolicy()).versions,
            (std::vector<int64_t>{1, 3}));
  const auto all = Convert(R"({"version_policy":{"all":{}}})");
  EXPECT_EQ(all->policy.value_or(lifecycle::VersionPolicy()).kind,
            lifecycle::VersionPolicy::Kind::kAll);
  const auto latest = Convert(R"({"version_policy":{"latest":{"num_versions":2}}})");
  EXPECT_EQ(latest->policy.value_or(lifecycle::VersionPolicy()).count, 2U);
  EXPECT_FALSE(Convert("")->config.has_value());
}

TEST(ModelControlTest, RefusesConfigsThatAreNotModelConfigs) {
  for (const char* bad :
       {"{", "[]", R"({"max_batch_sise": 8})", R"({"version_policy": {"newest": 1}})",
        R"({"version_policy": {"latest": {"num_versions": 0}}})",
        R"({"version_policy": {"specific": {"versions": ["x"]}}})",
        R"({"version_policy": {"specific": {"versions": "1"}}})",
        R"({"version_policy": {"specific": 3}})", R"({"version_policy": {"latest": 5}})"}) {
    EXPECT_EQ(Convert(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ModelControlTest, RefusesDeepConfigs) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(Convert(R"({"parameters":)" + deep + std::string(100'000, ']') + "}").status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(Convert(R"({"name": "[[[[\"[[["})").ok());
}

}  // namespace
}  // namespace slipway::app

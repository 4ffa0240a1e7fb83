#include <gtest/gtest.h>

#include "app/server/server_config.h"
#include "app/server/warmup_request.h"

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

}  // namespace
}  // namespace slipway::app

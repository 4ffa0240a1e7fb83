#include "frontend/openinference/open_inference_handler.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "frontend/testing/fake_exchange.h"
#include "frontend/testing/fake_server.h"

namespace slipway::frontend::openinference {
namespace {

using base::StrCat;
using std::chrono::microseconds;
using tensor::DType;
using testing::HasSubstr;
using Json = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

tensor::Signature Echo(DType dtype = DType::kFp32, const tensor::Shape& shape = {-1, 2}) {
  return {.inputs = {{.name = "x", .dtype = dtype, .shape = shape}},
          .outputs = {{.name = "y", .dtype = dtype, .shape = shape}}};
}

class OpenInferenceHandlerTest : public testing::Test {
 protected:
  OpenInferenceHandlerTest()
      : handler_({.dispatcher = server_.dispatcher,
                  .control = server_.control,
                  .state = server_.state,
                  .loop = server_.loop,
                  .clock = server_.clock,
                  .log = *server_.log}) {}

  FakeExchange& Call(std::string_view method, std::string_view target, std::string_view body = {},
                     Headers headers = {}) {
    exchanges_.push_back(std::make_unique<FakeExchange>(method, target, body, std::move(headers)));
    exchanges_.back()->set_times(server_.clock.SteadyNow(), server_.clock.SteadyNow());
    handler_.OnRequest(*exchanges_.back());
    return *exchanges_.back();
  }
  Json Get(std::string_view target) {
    const FakeExchange& answer = Call("GET", target);
    EXPECT_EQ(answer.status(), 200) << answer.body();
    return Json::parse(answer.body());
  }
  // The error text of an answer that must be one.
  static std::string ErrorOf(const FakeExchange& answer, int status) {
    EXPECT_EQ(answer.status(), status) << answer.body();
    EXPECT_EQ(answer.response().content_type, "application/json");
    EXPECT_FALSE(answer.response().compressible);
    EXPECT_TRUE(answer.response().tail.empty());
    return Json::parse(answer.body()).at("error");
  }

  static constexpr std::string_view kInfer = "/v2/models/m/infer";
  static constexpr std::string_view kTwo =
      R"({"id":"7","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1.5,2]}]})";

  FakeServer server_;
  OpenInferenceHandler handler_;
  std::vector<std::unique_ptr<FakeExchange>> exchanges_;
};

TEST_F(OpenInferenceHandlerTest, DescribesTheServer) {
  const Json json = Get("/v2");
  EXPECT_EQ(json.at("name"), "slipway");
  EXPECT_EQ(json.at("version"), "0.1.0");
  EXPECT_THAT(json.at("extensions").get<std::vector<std::string>>(),
              testing::Contains("statistics"));
}

TEST_F(OpenInferenceHandlerTest, AnswersHealthWithBodies) {
  EXPECT_EQ(Call("GET", "/v2/health/live").body(), R"({"live":true})");
  EXPECT_EQ(Call("GET", "/v2/health/ready").body(), R"({"ready":true})");
  server_.state.is_ready = false;
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/health/ready"), 503), HasSubstr("being loaded"));
  server_.state.is_ready = true;
  server_.state.is_draining = true;
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/health/ready"), 503), HasSubstr("shutting down"));
  EXPECT_EQ(Call("GET", "/v2/health/live").status(), 200);
  server_.state.is_live = false;
  EXPECT_EQ(Call("GET", "/v2/health/live").status(), 503);
}

TEST_F(OpenInferenceHandlerTest, RefusesWrongPathsAndMethods) {
  EXPECT_EQ(ErrorOf(Call("GET", "/v2/nothing"), 404), "Not Found");
  EXPECT_EQ(ErrorOf(Call("GET", "/v2/models/m/versions/x/ready"), 404), "Not Found");
  const FakeExchange& wrong = Call("GET", kInfer);
  EXPECT_EQ(ErrorOf(wrong, 405), "Method Not Allowed");
  EXPECT_EQ(wrong.Header("allow"), "POST");
  EXPECT_EQ(Call("PUT", "/v2/logging").Header("allow"), "GET, HEAD, POST");
  EXPECT_EQ(Call("POST", "/v2/models/stats").Header("allow"), "GET, HEAD");
  EXPECT_EQ(Call("HEAD", "/v2/health/live").status(), 200);
}

TEST_F(OpenInferenceHandlerTest, AnswersFromTheCacheSaySoAndAreCounted) {
  server_.cache_bytes = 1 << 20;
  server_.AddModel("m", 1, Echo());
  const FakeExchange& ran = Call("POST", kInfer, kTwo);
  const FakeExchange& hit = Call("POST", kInfer, kTwo);
  EXPECT_EQ(ran.Header("slipway-cache"), "");
  EXPECT_EQ(hit.Header("slipway-cache"), "hit");
  EXPECT_EQ(hit.body(), ran.body());
  const Json stats = Get("/v2/models/m/stats").at("model_stats").at(0);
  EXPECT_EQ(stats.at("inference_count"), 1);
  const Json& counts = stats.at("inference_stats");
  EXPECT_EQ(counts.at("success").at("count"), 2);
  EXPECT_EQ(counts.at("compute_infer").at("count"), 1);
  EXPECT_EQ(counts.at("cache_hit").at("count"), 1);
  EXPECT_EQ(counts.at("cache_miss").at("count"), 1);
  EXPECT_EQ(Get("/v2/models/m/config").at("response_cache").at("enable"), true);
}

TEST_F(OpenInferenceHandlerTest, SaysWhereAModelComesFrom) {
  server_.AddModel("unknown", 1, Echo());
  EXPECT_FALSE(Get("/v2/models/unknown").contains("properties"));
  tensor::Signature signature = Echo();
  signature.properties = {{"slipway.proof", R"({"rows":3})"}, {"slipway.source", "PMML"}};
  server_.AddModel("m", 1, signature);
  EXPECT_EQ(Get("/v2/models/m").at("properties"), Json(signature.properties));
}

TEST_F(OpenInferenceHandlerTest, DescribesModels) {
  server_.AddModel("a b/c", 1, Echo());
  server_.AddModel("a b/c", 12, Echo());
  Json json = Get("/v2/models/a%20b%2Fc");
  EXPECT_EQ(json.at("name"), "a b/c");
  EXPECT_EQ(json.at("versions"), Json({"1", "12"}));
  EXPECT_EQ(json.at("platform"), "onnxruntime_onnx");
  EXPECT_EQ(json.at("inputs"), Json::parse(R"([{"name":"x","datatype":"FP32","shape":[-1,2]}])"));
  json = Get("/v2/models/a%20b%2Fc/versions/1");
  EXPECT_EQ(json.at("versions"), Json({"1"}));
  EXPECT_EQ(Call("GET", "/v2/models/a%20b%2Fc/versions/1").Header("slipway-model-digest"),
            "sha256:of-a b/c-1");
  EXPECT_EQ(Get("/v2/models/a%20b%2Fc/ready"), Json::parse(R"({"name":"a b/c","ready":true})"));
  EXPECT_EQ(Get("/v2/models"), Json::parse(R"({"models":["a b/c"]})"));
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/models/other"), 404), HasSubstr("other"));
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/models/a%20b%2Fc/versions/3"), 404), HasSubstr("version 3"));
  EXPECT_EQ(ErrorOf(Call("GET", "/v2/models/m/versions/99999999999999999999"), 404).empty(), false);
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/models/%zz"), 400), HasSubstr("percent-encoded"));
}

TEST_F(OpenInferenceHandlerTest, KnownModelsThatAreNotReadyAre503) {
  server_.control.entries = {{.name = "m", .version = 1, .state = "LOADING", .reason = ""},
                             {.name = "n", .version = {}, .state = "", .reason = ""}};
  EXPECT_THAT(ErrorOf(Call("GET", "/v2/models/m/ready"), 503), HasSubstr("LOADING"));
  EXPECT_THAT(ErrorOf(Call("POST", kInfer, kTwo), 503), HasSubstr("LOADING"));
  ErrorOf(Call("GET", "/v2/models/m/versions/2/ready"), 404);
  ErrorOf(Call("GET", "/v2/models/n/ready"), 404);
}

TEST_F(OpenInferenceHandlerTest, WritesTheConfiguration) {
  server_.AddModel("m", 1, Echo());
  Json config = Get("/v2/models/m/config");
  EXPECT_EQ(config.at("max_batch_size"), 1024);
  EXPECT_EQ(config.at("input")[0].at("dims"), Json({2}));
  EXPECT_EQ(config.at("input")[0].at("data_type"), "TYPE_FP32");
  EXPECT_FALSE(config.contains("model_transaction_policy"));
  lifecycle::ModelConfig given;
  given.override_json = R"({"max_batch_size":8,"name":"other","instance_group":[{"count":2}]})";
  server_.AddModel("o", 1, Echo(DType::kBytes, {-1}), given);
  config = Get("/v2/models/o/versions/1/config");
  EXPECT_EQ(config.at("max_batch_size"), 8);
  EXPECT_EQ(config.at("name"), "o");
  EXPECT_EQ(config.at("instance_group")[0].at("count"), 2);
  EXPECT_EQ(config.at("output")[0].at("data_type"), "TYPE_STRING");
  EXPECT_EQ(config.at("output")[0].at("dims"), Json::array());
  server_.AddModel("fixed", 1, Echo(DType::kFp32, {1, 2}));
  config = Get("/v2/models/fixed/config");
  EXPECT_EQ(config.at("max_batch_size"), 0);
  EXPECT_EQ(config.at("input")[0].at("dims"), Json({1, 2}));
}

// --- infer ---

TEST_F(OpenInferenceHandlerTest, InfersJson) {
  server_.AddModel("m", 3, Echo());
  const FakeExchange& answer = Call("POST", kInfer, kTwo);
  EXPECT_EQ(answer.body(), R"({"model_name":"m","model_version":"3","id":"7","outputs":[)"
                           R"({"name":"y","datatype":"FP32","shape":[1,2],"data":[1.5,2]}]})");
  EXPECT_EQ(answer.response().content_type, "application/json");
  EXPECT_TRUE(answer.response().compressible);
  EXPECT_EQ(answer.Header("slipway-model-digest"), "sha256:of-m-3");
  EXPECT_EQ(answer.Header("inference-header-content-length"), "");
  EXPECT_EQ(answer.Header("slipway-warning"), "");
}

TEST_F(OpenInferenceHandlerTest, PicksTheVersionOfThePath) {
  server_.AddModel("m", 1, Echo());
  server_.AddModel("m", 2, Echo());
  EXPECT_THAT(Call("POST", kInfer, kTwo).body(), HasSubstr(R"("model_version":"2")"));
  EXPECT_THAT(Call("POST", "/v2/models/m/versions/1/infer", kTwo).body(),
              HasSubstr(R"("model_version":"1")"));
}

TEST_F(OpenInferenceHandlerTest, InfersBinary) {
  server_.AddModel("m", 1, Echo());
  const std::string json =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],)"
      R"("parameters":{"binary_data_output":true}})";
  const std::string data = "abcdefgh";
  const FakeExchange& answer =
      Call("POST", kInfer, json + data,
           {{"Inference-Header-Content-Length", std::to_string(json.size())}});
  ASSERT_EQ(answer.status(), 200) << answer.body();
  EXPECT_EQ(
      answer.body(),
      R"({"model_name":"m","model_version":"1","outputs":[)"
      R"({"name":"y","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]})");
  EXPECT_EQ(answer.content(), answer.body() + data);
  EXPECT_EQ(answer.response().content_type, "application/octet-stream");
  EXPECT_EQ(answer.Header("inference-header-content-length"), std::to_string(answer.body().size()));
}

TEST_F(OpenInferenceHandlerTest, BinaryOutputsThatAreAllEmptyNeedNoHeader) {
  server_.AddModel("m", 1, Echo());
  const FakeExchange& answer =
      Call("POST", kInfer,
           R"({"inputs":[{"name":"x","shape":[0,2],"datatype":"FP32","data":[]}],)"
           R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})");
  EXPECT_THAT(answer.body(), HasSubstr(R"("shape":[0,2],"parameters":{"binary_data_size":0}})"));
  EXPECT_EQ(answer.response().content_type, "application/json");
  EXPECT_EQ(answer.Header("inference-header-content-length"), "");
}

TEST_F(OpenInferenceHandlerTest, MixesJsonAndBinaryOutputsInTheOrderAskedFor) {
  const tensor::Signature two = {.inputs = {{.name = "a", .dtype = DType::kInt8, .shape = {-1}},
                                            {.name = "b", .dtype = DType::kInt8, .shape = {-1}}},
                                 .outputs = {{.name = "c", .dtype = DType::kInt8, .shape = {-1}},
                                             {.name = "d", .dtype = DType::kInt8, .shape = {-1}}}};
  server_.AddModel("m", 1, two);
  const std::string inputs = R"("inputs":[{"name":"a","shape":[1],"datatype":"INT8","data":[65]},)"
                             R"({"name":"b","shape":[2],"datatype":"INT8","data":[66,67]}])";
  EXPECT_THAT(
      Call("POST", kInfer,
           StrCat("{", inputs,
                  R"(,"outputs":[{"name":"d","parameters":{"binary_data":true}},{"name":"c"}]})"))
          .content(),
      HasSubstr(R"({"name":"d","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}},)"
                R"({"name":"c","datatype":"INT8","shape":[1],"data":[65]}]}BC)"));
  EXPECT_THAT(
      Call("POST", kInfer, StrCat("{", inputs, R"(,"parameters":{"binary_data_output":true}})"))
          .content(),
      testing::EndsWith("]}ABC"));
}

TEST_F(OpenInferenceHandlerTest, InfersRawBodies) {
  server_.AddModel("m", 1, Echo());
  const FakeExchange& answer =
      Call("POST", kInfer, "abcdefgh", {{"inference-header-content-length", "0"}});
  ASSERT_EQ(answer.status(), 200) << answer.body();
  EXPECT_THAT(answer.content(), testing::EndsWith("abcdefgh"));
}

TEST_F(OpenInferenceHandlerTest, ErrorsNameTheModelAndTheInput) {
  server_.AddModel("m", 1, Echo());
  const FakeExchange& answer = Call(
      "POST", kInfer, R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1]}]})");
  EXPECT_EQ(ErrorOf(answer, 400), "model 'm' version 1: input 'x': expected 2 elements, got 1");
  EXPECT_EQ(answer.Header("slipway-model-digest"), "sha256:of-m-1");
}

struct EngineError {
  base::StatusCode code;
  int http;
};

TEST_F(OpenInferenceHandlerTest, MapsEngineErrorsToHttp) {
  FakeModel& model = server_.AddModel("m", 1, Echo());
  for (const EngineError& c : {EngineError{base::StatusCode::kInvalidArgument, 400},
                               EngineError{base::StatusCode::kInternal, 500},
                               EngineError{base::StatusCode::kResourceExhausted, 429},
                               EngineError{base::StatusCode::kDeadlineExceeded, 504},
                               EngineError{base::StatusCode::kUnimplemented, 501},
                               EngineError{base::StatusCode::kUnavailable, 503},
                               EngineError{base::StatusCode::kCancelled, 400}}) {
    model.engine().set_run(
        [&](auto, auto, auto&) { return base::Status(c.code, "the engine said no"); });
    EXPECT_EQ(ErrorOf(Call("POST", kInfer, kTwo), c.http),
              "model 'm' version 1: the engine said no");
  }
}

TEST_F(OpenInferenceHandlerTest, WhatIsNotFiniteIsRefusedUnlessAskedFor) {
  FakeModel& model = server_.AddModel("m", 1, Echo());
  model.engine().set_run([](auto, auto, std::vector<tensor::Tensor>& results) {
    const std::vector<float> values = {1, std::numeric_limits<float>::infinity()};
    results.push_back(*tensor::Tensor::FromValues<float>({1, 2}, values));
    return base::OkStatus();
  });
  EXPECT_THAT(ErrorOf(Call("POST", kInfer, kTwo), 400),
              HasSubstr("output 'y': element 1 is not a finite number"));
  EXPECT_THAT(Call("POST", "/v2/models/m/infer?nan=literal", kTwo).body(),
              HasSubstr("[1,Infinity]"));
  const std::string asking = StrCat(R"({"parameters":{"nan":"literal"},)", kTwo.substr(1));
  EXPECT_THAT(Call("POST", kInfer, asking).body(), HasSubstr("[1,Infinity]"));
}

TEST_F(OpenInferenceHandlerTest, ClassifiesWithLabels) {
  lifecycle::ModelConfig config;
  config.labels["y"] = {"no", "yes"};
  server_.AddModel("m", 1, Echo(), config);
  const std::string body =
      R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[4,3]]}],)"
      R"("outputs":[{"name":"y","parameters":{"classification":1}}]})";
  EXPECT_THAT(
      Call("POST", kInfer, body).body(),
      HasSubstr(
          R"({"name":"y","datatype":"BYTES","shape":[2,1],"data":["2.000000:1:yes","4.000000:0:no"]})"));
}

TEST_F(OpenInferenceHandlerTest, WarnsOfWhatItIgnoresAndRefusesItWhenStrict) {
  server_.AddModel("m", 1, Echo());
  const std::string body = StrCat(R"({"shoe":1,)", kTwo.substr(1));
  const FakeExchange& answer = Call("POST", kInfer, body);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.Header("slipway-warning"), "ignored field 'shoe'");
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/models/m/infer?strict=1", body), 400),
              HasSubstr("field 'shoe'"));
  const std::string strict = StrCat(R"({"parameters":{"strict":true},"shoe":1,)", kTwo.substr(1));
  EXPECT_THAT(ErrorOf(Call("POST", kInfer, strict), 400), HasSubstr("field 'shoe'"));
  EXPECT_EQ(Call("POST", "/v2/models/m/infer?strict=1", kTwo).status(), 200);
}

TEST_F(OpenInferenceHandlerTest, GivesIdsBack) {
  server_.AddModel("m", 1, Echo());
  const FakeExchange& answer =
      Call("POST", kInfer, kTwo,
           {{"X-Request-Id", "abc"},
            {"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  EXPECT_EQ(answer.Header("x-request-id"), "abc");
  EXPECT_THAT(answer.Header("traceresponse"),
              testing::MatchesRegex("00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01"));
  const FakeExchange& plain =
      Call("POST", kInfer, kTwo, {{"traceparent", "00-x"}, {"x-request-id", "a b"}});
  EXPECT_EQ(plain.Header("x-request-id"), "");
  EXPECT_EQ(plain.Header("traceresponse"), "");
  EXPECT_EQ(
      Call("POST", "/v2/models/z/infer", kTwo, {{"x-request-id", "q"}}).Header("x-request-id"),
      "q");
}

TEST_F(OpenInferenceHandlerTest, AnswersLaterFromTheQueueLane) {
  server_.AddModel("m", 1, Echo(), {}, /*inline_lane=*/false);
  FakeExchange& first = Call("POST", kInfer, kTwo);
  FakeExchange& second = Call("POST", kInfer, kTwo);
  second.LoseClient();
  EXPECT_FALSE(first.sent());
  server_.loop.RunUntil([&] { return first.sent() && second.sent(); });
  EXPECT_THAT(first.body(), HasSubstr("[1.5,2]"));
}

TEST_F(OpenInferenceHandlerTest, TimeoutLimitsTheWaiting) {
  FakeModel& model = server_.AddModel("m", 1, Echo());
  EXPECT_EQ(
      Call("POST", kInfer, StrCat(R"({"parameters":{"timeout":5000},)", kTwo.substr(1))).status(),
      200);
  EXPECT_EQ(Call("POST", kInfer,
                 StrCat(R"({"parameters":{"timeout":18446744073709551615},)", kTwo.substr(1)))
                .status(),
            200);
  model.engine().set_run([](auto, auto, auto&) { return base::DeadlineExceeded("too late"); });
  ErrorOf(Call("POST", kInfer, StrCat(R"({"parameters":{"timeout":1},)", kTwo.substr(1))), 504);
}

// --- statistics ---

TEST_F(OpenInferenceHandlerTest, CountsWhereTimeGoes) {
  FakeModel& model = server_.AddModel("m", 1, Echo());
  model.engine().set_run([this](auto inputs, auto, std::vector<tensor::Tensor>& results) {
    server_.clock.Advance(microseconds(30));
    results.push_back(*tensor::Tensor::CopyOf(inputs[0]));
    return base::OkStatus();
  });
  const std::string three =
      R"({"inputs":[{"name":"x","shape":[3,2],"datatype":"FP32","data":[1,2,3,4,5,6]}]})";
  Call("POST", kInfer, kTwo);
  Call("POST", kInfer, three);
  Call("POST", kInfer, "{}");
  const Json all = Get("/v2/models/stats");
  const Json& stats = all.at("model_stats").at(0);
  EXPECT_EQ(stats, Get("/v2/models/m/stats").at("model_stats").at(0));
  EXPECT_EQ(stats, Get("/v2/models/m/versions/1/stats").at("model_stats").at(0));
  EXPECT_EQ(stats.at("name"), "m");
  EXPECT_EQ(stats.at("version"), "1");
  EXPECT_EQ(stats.at("inference_count"), 4);
  EXPECT_EQ(stats.at("execution_count"), 2);
  EXPECT_EQ(stats.at("last_inference"), 3'600'000);
  const Json& inference = stats.at("inference_stats");
  EXPECT_EQ(inference.size(), 8U);
  EXPECT_EQ(inference.at("success").at("count"), 2);
  EXPECT_EQ(inference.at("fail").at("count"), 1);
  EXPECT_EQ(inference.at("queue").at("count"), 2);
  EXPECT_EQ(inference.at("compute_infer"), Json::parse(R"({"count":2,"ns":60000})"));
  EXPECT_EQ(stats.at("batch_stats").size(), 2U);
  ErrorOf(Call("GET", "/v2/models/other/stats"), 400);
}

TEST_F(OpenInferenceHandlerTest, RequestsInFlightReturnToZero) {
  FakeModel& model = server_.AddModel("m", 1, Echo(), {}, /*inline_lane=*/false);
  const FakeExchange& waiting = Call("POST", kInfer, kTwo);
  EXPECT_EQ(model.runtime().stats().Read().in_flight, 1);
  Call("POST", kInfer, "{}");
  server_.loop.RunUntil([&] { return waiting.sent(); });
  EXPECT_EQ(model.runtime().stats().Read().in_flight, 0);
}

// --- predict ---

// Columns of a table, each an input of its own.
tensor::Signature People() {
  return {.inputs = {{.name = "age", .dtype = DType::kFp64, .shape = {-1, 1}},
                     {.name = "city", .dtype = DType::kBytes, .shape = {-1, 1}},
                     {.name = "visits", .dtype = DType::kInt64, .shape = {-1, 1}}},
          .outputs = {{.name = "a", .dtype = DType::kFp64, .shape = {-1, 1}},
                      {.name = "c", .dtype = DType::kBytes, .shape = {-1, 1}},
                      {.name = "v", .dtype = DType::kInt64, .shape = {-1, 1}}},
          .classes = {"no", "yes"}};
}

TEST_F(OpenInferenceHandlerTest, PredictTakesRowsByName) {
  server_.AddModel("people", 3, People());
  const FakeExchange& answer = Call("POST", "/predict?nan=literal", R"({"id":"7","rows":[
      {"age":41.5,"city":"Rome","visits":3},
      {"visits":-1,"extra":{"deep":[1]},"age":null,"city":"L\u00e9on \"x\""}]})");
  EXPECT_EQ(answer.body(), R"({"id":"7","a":[41.5,NaN],"c":["Rome","Léon \"x\""],)"
                           R"("v":[3,-1],"classes":["no","yes"],)"
                           R"("model_name":"people","model_version":"3"})");
  EXPECT_EQ(answer.Header("slipway-warning"), "ignored 'extra'");
  EXPECT_THAT(ErrorOf(Call("POST", "/predict?strict=true",
                           R"({"rows":{"age":1,"city":"Rome","visits":3,"extra":1}})"),
                      400),
              HasSubstr("'extra'"));
}

TEST_F(OpenInferenceHandlerTest, PredictTakesRowsByPosition) {
  server_.AddModel("people", 3, People());
  EXPECT_EQ(Call("POST", "/v2/models/people/predict", R"({"input":[41,"Rome",3]})").body(),
            R"({"a":[41],"c":["Rome"],"v":[3],"classes":["no","yes"],)"
            R"("model_name":"people","model_version":"3"})");
  EXPECT_EQ(Json::parse(Call("POST", "/v2/models/people/versions/3/predict",
                             R"({"input":[[1,"a",2],[3,"b",4]]})")
                            .body())
                .at("v"),
            Json::parse("[2,4]"));
}

TEST_F(OpenInferenceHandlerTest, PredictTakesTheOnlyTensor) {
  tensor::Signature signature = Echo();
  server_.AddModel("m", 1, signature);
  EXPECT_THAT(Call("POST", "/predict", R"({"input":[[1,2],[3,4]]})").body(),
              HasSubstr(R"("y":[[1,2],[3,4]])"));
  EXPECT_THAT(Call("POST", "/predict", R"({"input":[1,2]})").body(), HasSubstr("[[1,2]]"));
  EXPECT_THAT(ErrorOf(Call("POST", "/predict", R"({"input":[1,2,3]})"), 400),
              HasSubstr("FP32[-1,2]"));
  EXPECT_THAT(ErrorOf(Call("POST", "/predict", R"({"rows":[{"x":1}]})"), 400),
              HasSubstr("does not say how the columns"));
}

TEST_F(OpenInferenceHandlerTest, PredictTakesAListAsRowsOfOneColumn) {
  server_.AddModel("m", 1, Echo(DType::kBytes, {-1, 1}));
  EXPECT_THAT(Call("POST", "/predict", R"({"input":["a text","another"]})").body(),
              HasSubstr(R"("y":["a text","another"])"));
  EXPECT_THAT(Call("POST", "/predict", R"({"input":[["a text"],["another"]]})").body(),
              HasSubstr(R"("y":["a text","another"])"));
}

TEST_F(OpenInferenceHandlerTest, PredictTakesNamedColumnsOfTheOnlyTensor) {
  tensor::Signature signature = Echo();
  signature.columns = {"width", "height"};
  server_.AddModel("m", 1, signature);
  EXPECT_THAT(
      Call("POST", "/predict", R"({"rows":[{"height":2,"width":1},{"width":3,"height":4}]})")
          .body(),
      HasSubstr("[[1,2],[3,4]]"));
}

TEST_F(OpenInferenceHandlerTest, PredictRefusesWhatIsNoTable) {
  server_.AddModel("people", 3, People());
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"rows":[{"age":1,"city":"a","visits":2},{"age":1}]})",
       "row 1: missing 'city', 'visits'"},
      {R"({"rows":[{"age":1,"age":2,"city":"a","visits":2}]})", "'age' is there twice"},
      {R"({"rows":[{"age":"old","city":"a","visits":2}]})", "row 0: column 'age'"},
      {R"({"rows":[{"age":1,"city":null,"visits":2}]})", "column 'city'"},
      {R"({"rows":[{"age":1,"city":"a","visits":null}]})", "no missing value"},
      {R"({"rows":[{"age":1,"city":"a","visits":2.5}]})", "column 'visits'"},
      {R"({"rows":[1]})", "row 0"},
      {R"({"input":[[1,"a"]]})", "expected 3 columns, got 2"},
      {R"({"input":[[1,"a",2,3]]})", "expected 3 columns, got more"},
      {R"({"input":[1,"a",2],"rows":[]})", "got both"},
      {R"({"rows":[{},{},{},{},{},{},{},{},{}]})", "expected 3 columns in each of 9 rows"},
      {R"({"data":[1]})", "expected {\"input\""},
      {R"([1,2])", "JSON"},
      {R"({"rows":[{"age":1,"city":"a","visits":2})", "JSON"},
      {"", "JSON"},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_THAT(ErrorOf(Call("POST", "/predict", body), 400), HasSubstr(message)) << body;
  }
  server_.AddModel("other", 1, Echo());
  EXPECT_THAT(ErrorOf(Call("POST", "/predict", R"({"input":[1,2]})"), 400),
              HasSubstr("/v2/models/other/predict"));
}

TEST_F(OpenInferenceHandlerTest, PredictTakesNoRowsAtAll) {
  server_.AddModel("people", 3, People());
  EXPECT_THAT(Call("POST", "/predict", R"({"rows":[]})").body(), HasSubstr(R"("a":[])"));
}

// --- generate ---

TEST_F(OpenInferenceHandlerTest, Generates) {
  server_.AddModel("m", 1, Echo(DType::kBytes, {-1, 1}));
  const FakeExchange& one = Call("POST", "/v2/models/m/generate", R"({"id":"i","x":"a\"b"})");
  EXPECT_EQ(one.body(), R"({"id":"i","model_name":"m","model_version":"1","y":"a\"b"})");
  EXPECT_EQ(
      Call("POST", "/v2/models/m/versions/1/generate", R"({"parameters":{"x":["a","b"]}})").body(),
      R"({"model_name":"m","model_version":"1","y":["a","b"]})");
  const FakeExchange& stream = Call("POST", "/v2/models/m/generate_stream", R"({"x":"a"})");
  EXPECT_EQ(stream.body(), "data: {\"model_name\":\"m\",\"model_version\":\"1\",\"y\":\"a\"}\n\n");
  EXPECT_EQ(stream.response().content_type, "text/event-stream; charset=utf-8");
  EXPECT_EQ(Call("POST", "/v2/models/m/generate", R"({"x":"a","temperature":0.5})")
                .Header("slipway-warning"),
            "ignored parameter 'temperature'");
}

TEST_F(OpenInferenceHandlerTest, GenerateShapesTensorsByTheirCount) {
  server_.AddModel("m", 1, Echo(DType::kFp32, {-1, 2}));
  EXPECT_THAT(Call("POST", "/v2/models/m/generate", R"({"x":[1,2,3,4]})").body(),
              HasSubstr("[1,2,3,4]"));
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/models/m/generate", R"({"x":[1,2,3]})"), 400),
              HasSubstr("input 'x': expected FP32[-1,2], got 3 elements"));
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/models/m/generate", R"({"x":[[1,2]]})"), 400),
              HasSubstr("without nesting"));
  EXPECT_THAT(
      ErrorOf(Call("POST", "/v2/models/m/generate", R"({"x":[1,2],"parameters":{"x":[1,2]}})"),
              400),
      HasSubstr("is there twice"));
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/models/m/generate", "{}"), 400),
              HasSubstr("'x' is missing"));
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/models/m/generate_stream", "[]"), 400),
              HasSubstr("expected '{'"));
}

// --- repository, settings, shared memory ---

TEST_F(OpenInferenceHandlerTest, ControlsModels) {
  server_.control.entries = {{.name = "m", .version = 1, .state = "READY", .reason = ""},
                             {.name = "n", .version = 1, .state = "LOADING", .reason = ""}};
  EXPECT_EQ(Json::parse(Call("POST", "/v2/repository/index").body()).size(), 2U);
  EXPECT_EQ(Json::parse(Call("POST", "/v2/repository/index", R"({"ready":true})").body()).size(),
            1U);
  FakeExchange& load = Call("POST", "/v2/repository/models/a%20b/load", "{}");
  EXPECT_FALSE(load.sent());
  EXPECT_EQ(server_.control.loads.at(0).name, "a b");
  server_.control.waiting.at(0)(base::OkStatus());
  EXPECT_FALSE(load.sent());  // the answer is the loop's to send
  server_.loop.RunPosted();
  EXPECT_EQ(load.body(), R"({"name":"a b","load":true})");
  FakeExchange& unload = Call("POST", "/v2/repository/models/m/unload",
                              R"({"parameters":{"unload_dependents":false}})");
  server_.control.waiting.at(1)(base::Unavailable("models are watched"));
  server_.loop.RunPosted();
  EXPECT_EQ(ErrorOf(unload, 503), "models are watched");
  FakeExchange& short_of = Call("POST", "/v2/repository/models/m/load", "{}");
  server_.control.waiting.at(2)(base::ResourceExhausted("memory"));
  server_.loop.RunPosted();
  EXPECT_EQ(ErrorOf(short_of, 503), "memory");
  ErrorOf(Call("POST", "/v2/repository/models/m/load", R"({"parameters":{"x":""}})"), 400);
  ErrorOf(Call("POST", "/v2/repository/models/m/unload", "["), 400);
  ErrorOf(Call("POST", "/v2/repository/r/models/m/load", "{}"), 501);
  ErrorOf(Call("POST", "/v2/repository/r/index"), 501);
}

TEST_F(OpenInferenceHandlerTest, SaysHonestlyWhatItDoesNotHave) {
  EXPECT_EQ(Call("GET", "/v2/systemsharedmemory/status").body(), "[]");
  ErrorOf(Call("GET", "/v2/systemsharedmemory/region/r/status"), 501);
  EXPECT_THAT(ErrorOf(Call("POST", "/v2/systemsharedmemory/region/r/register", "{}"), 501),
              HasSubstr("start it with --shared-memory"));
  EXPECT_EQ(Call("GET", "/v2").body().find("shared_memory"), std::string::npos);
  EXPECT_EQ(Call("POST", "/v2/systemsharedmemory/unregister").status(), 200);
  ErrorOf(Call("GET", "/v2/trace/setting"), 501);
  EXPECT_EQ(Call("GET", "/v2/logging").status(), 200);
  EXPECT_EQ(Call("POST", "/v2/logging", R"({"log_verbose_level":1})").status(), 200);
}

}  // namespace
}  // namespace slipway::frontend::openinference

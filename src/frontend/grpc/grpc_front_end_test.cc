#include "frontend/grpc/grpc_front_end.h"

#include <gmock/gmock.h>
#include <inference/grpc_service.pb.h>

#include <nlohmann/json.hpp>
#include <string>

#include "frontend/grpc/descriptor_set.h"
#include "frontend/grpc/model_config_message.h"
#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename Request>
Request Named(const std::string& name, const std::string& version = "") {
  Request request;
  request.set_name(name);
  request.set_version(version);
  return request;
}

class GrpcFrontEndTest : public GrpcFixture {};

TEST_F(GrpcFrontEndTest, TellsWhetherItLivesAndIsReady) {
  const auto live = [this] {
    return Only<::inference::ServerLiveResponse>(
               Call("ServerLive", ::inference::ServerLiveRequest()))
        .live();
  };
  const auto ready = [this] {
    return Only<::inference::ServerReadyResponse>(
               Call("ServerReady", ::inference::ServerReadyRequest()))
        .ready();
  };
  EXPECT_TRUE(live());
  EXPECT_TRUE(ready());
  server_.state.is_draining = true;
  EXPECT_FALSE(ready());
  server_.state.is_live = false;
  EXPECT_FALSE(live());
}

TEST_F(GrpcFrontEndTest, TellsWhetherModelsAreReady) {
  server_.AddModel("m", 2, EchoSignature());
  const auto ready = [this](const std::string& name, const std::string& version) {
    return Only<::inference::ModelReadyResponse>(
               Call("ModelReady", Named<::inference::ModelReadyRequest>(name, version)))
        .ready();
  };
  EXPECT_TRUE(ready("m", ""));
  EXPECT_TRUE(ready("m", "2"));
  EXPECT_FALSE(ready("m", "1"));
  EXPECT_FALSE(ready("z", ""));
  server_.control.entries = {{.name = "n", .version = 1, .state = "LOADING", .reason = ""}};
  EXPECT_FALSE(ready("n", ""));
  EXPECT_EQ(ErrorOf(Call("ModelReady", Named<::inference::ModelReadyRequest>("m", "new"))).code(),
            StatusCode::kInvalidArgument);
}

TEST_F(GrpcFrontEndTest, DescribesServerAndModels) {
  const auto server = Only<::inference::ServerMetadataResponse>(
      Call("ServerMetadata", ::inference::ServerMetadataRequest()));
  EXPECT_EQ(server.name(), "slipway");
  EXPECT_EQ(server.version(), "0.1.0");
  EXPECT_THAT(server.extensions(), testing::Contains("statistics"));
  server_.AddModel("m", 1, EchoSignature());
  tensor::Signature signature = EchoSignature();
  signature.properties = {{"slipway.source", "PMML"}};
  server_.AddModel("m", 12, signature);
  using Request = ::inference::ModelMetadataRequest;
  using Response = ::inference::ModelMetadataResponse;
  const FakeGrpcCall& call = Call("ModelMetadata", Named<Request>("m"));
  const auto model = Only<Response>(call);
  EXPECT_EQ(model.name(), "m");
  EXPECT_THAT(model.versions(), ElementsAre("1", "12"));
  EXPECT_EQ(model.platform(), "onnxruntime_onnx");
  ASSERT_EQ(model.inputs_size(), 1);
  EXPECT_EQ(model.inputs(0).name(), "x");
  EXPECT_EQ(model.inputs(0).datatype(), "FP32");
  EXPECT_THAT(model.inputs(0).shape(), ElementsAre(-1, 2));
  EXPECT_EQ(model.outputs(0).name(), "y");
  EXPECT_THAT(model.properties(), ElementsAre(testing::Pair("slipway.source", "PMML")));
  EXPECT_EQ(call.MetadataOf("slipway-model-digest"), "sha256:of-m-12");
  EXPECT_THAT(Only<Response>(Call("ModelMetadata", Named<Request>("m", "1"))).versions(),
              ElementsAre("1"));
  EXPECT_EQ(ErrorOf(Call("ModelMetadata", Named<Request>("z"))).code(), StatusCode::kNotFound);
}

TEST_F(GrpcFrontEndTest, WritesTheConfiguration) {
  lifecycle::ModelConfig given;
  given.override_json =
      R"({"max_batch_size":8,"instance_group":[{"count":2,"kind":"KIND_CPU","gpus":[0,1]}],
          "version_policy":{"specific":{"versions":["3",4]}},"metric_tags":{"a":"b"},
          "dynamic_batching":{"priority_queue_policy":{"7":{"timeout_action":"DELAY"}}},
          "model_metrics":{"metric_control":[{"histogram_options":{"buckets":[0.5]}}]},
          "optimization":{"input_pinned_memory":{"enable":true}}})";
  server_.AddModel("m", 1, EchoSignature(), given);
  using Request = ::inference::ModelConfigRequest;
  const auto config =
      Only<::inference::ModelConfigResponse>(Call("ModelConfig", Named<Request>("m"))).config();
  EXPECT_EQ(config.name(), "m");
  EXPECT_EQ(config.backend(), "onnxruntime");
  EXPECT_EQ(config.max_batch_size(), 8);
  EXPECT_EQ(config.input(0).data_type(), ::inference::TYPE_FP32);
  EXPECT_THAT(config.input(0).dims(), ElementsAre(2));
  EXPECT_EQ(config.output(0).name(), "y");
  EXPECT_EQ(config.instance_group(0).kind(), ::inference::ModelInstanceGroup::KIND_CPU);
  EXPECT_THAT(config.instance_group(0).gpus(), ElementsAre(0, 1));
  EXPECT_THAT(config.version_policy().specific().versions(), ElementsAre(3, 4));
  EXPECT_EQ(config.metric_tags().at("a"), "b");
  EXPECT_EQ(config.dynamic_batching().priority_queue_policy().at(7).timeout_action(),
            ::inference::ModelQueuePolicy::DELAY);
  EXPECT_EQ(config.model_metrics().metric_control(0).histogram_options().buckets(0), 0.5);
  EXPECT_TRUE(config.optimization().input_pinned_memory().enable());
  EXPECT_FALSE(config.has_model_transaction_policy());
  EXPECT_EQ(ErrorOf(Call("ModelConfig", Named<Request>("z"))).code(), StatusCode::kNotFound);
}

TEST_F(GrpcFrontEndTest, LeavesOutWhatDoesNotFitTheConfiguration) {
  const ProtoSchema schema(DescriptorSet());
  ::inference::ModelConfig config;
  ASSERT_TRUE(config.ParseFromString(
      EncodeJson(schema, "inference.ModelConfig",
                 R"({"name":5,"platform":"p","input":{"name":"x"},"max_batch_size":"x","nothing":1,
          "output":[{"data_type":"TYPE_NONE","dims":[1,"2","x",null]}],"parameters":[1],
          "model_warmup":[{"inputs":{"a":3}}]})")));
  EXPECT_EQ(config.name(), "");
  EXPECT_EQ(config.platform(), "p");
  EXPECT_EQ(config.input_size(), 0);
  EXPECT_EQ(config.max_batch_size(), 0);
  EXPECT_THAT(config.output(0).dims(), ElementsAre(1, 2));
  EXPECT_EQ(EncodeJson(schema, "inference.ModelConfig", "{"), "");
  EXPECT_EQ(EncodeJson(schema, "inference.Nothing", "{}"), "");
}

TEST_F(GrpcFrontEndTest, CountsWhereTimeGoes) {
  server_.AddModel("m", 1, EchoSignature(tensor::DType::kInt8, {-1}));
  server_.AddModel("n", 1, EchoSignature());
  ::inference::ModelInferRequest infer;
  infer.set_model_name("m");
  infer.add_inputs()->set_name("x");
  infer.mutable_inputs(0)->set_datatype("INT8");
  infer.mutable_inputs(0)->add_shape(3);
  infer.add_raw_input_contents("abc");
  Call("ModelInfer", infer);
  using Request = ::inference::ModelStatisticsRequest;
  using Response = ::inference::ModelStatisticsResponse;
  const auto all = Only<Response>(Call("ModelStatistics", Request()));
  EXPECT_EQ(all.model_stats_size(), 2);
  const auto one = Only<Response>(Call("ModelStatistics", Named<Request>("m", "1")));
  ASSERT_EQ(one.model_stats_size(), 1);
  const auto& stats = one.model_stats(0);
  EXPECT_EQ(stats.name(), "m");
  EXPECT_EQ(stats.version(), "1");
  EXPECT_EQ(stats.inference_count(), 3U);
  EXPECT_EQ(stats.execution_count(), 1U);
  EXPECT_EQ(stats.last_inference(), 3'600'000U);
  EXPECT_EQ(stats.inference_stats().success().count(), 1U);
  EXPECT_TRUE(stats.inference_stats().has_cache_miss());
  EXPECT_EQ(stats.batch_stats(0).batch_size(), 3U);
  EXPECT_EQ(stats.memory_usage(0).type(), "CPU");
  EXPECT_EQ(stats.memory_usage(0).byte_size(), 4096U);
  EXPECT_EQ(Only<Response>(Call("ModelStatistics", Named<Request>("m"))).model_stats_size(), 1);
  EXPECT_EQ(ErrorOf(Call("ModelStatistics", Named<Request>("z"))).code(),
            StatusCode::kInvalidArgument);
}

// --- the repository ---

TEST_F(GrpcFrontEndTest, ListsTheRepository) {
  server_.control.entries = {{.name = "m", .version = 1, .state = "READY", .reason = ""},
                             {.name = "n", .version = {}, .state = "", .reason = ""},
                             {.name = "o", .version = 3, .state = "UNAVAILABLE", .reason = "why"}};
  ::inference::RepositoryIndexRequest request;
  const auto all = Only<::inference::RepositoryIndexResponse>(Call("RepositoryIndex", request));
  ASSERT_EQ(all.models_size(), 3);
  EXPECT_EQ(all.models(0).state(), "READY");
  EXPECT_EQ(all.models(1).version(), "");
  EXPECT_EQ(all.models(2).version(), "3");
  EXPECT_EQ(all.models(2).reason(), "why");
  request.set_ready(true);
  EXPECT_EQ(Only<::inference::RepositoryIndexResponse>(
                Call("/inference.model_repository.ModelRepositoryService/RepositoryIndex", request))
                .models_size(),
            1);
  request.set_repository_name("r");
  EXPECT_EQ(ErrorOf(Call("RepositoryIndex", request)).code(), StatusCode::kUnimplemented);
}

TEST_F(GrpcFrontEndTest, LoadsAndUnloads) {
  ::inference::RepositoryModelLoadRequest load;
  load.set_model_name("a");
  auto& parameters = *load.mutable_parameters();
  parameters["config"].set_string_param("{}");
  parameters["file:1/model.onnx"].set_bytes_param(std::string("\0\xff", 2));
  const FakeGrpcCall& loading = Call("RepositoryModelLoad", load);
  ASSERT_EQ(server_.control.loads.size(), 1U);
  EXPECT_EQ(server_.control.loads[0].name, "a");
  EXPECT_EQ(server_.control.loads[0].config_json, "{}");
  EXPECT_EQ(server_.control.loads[0].files.at(1).at("model.onnx"), std::string("\0\xff", 2));
  server_.control.waiting.at(0)(base::OkStatus());
  EXPECT_FALSE(loading.status.has_value());  // the answer is the loop's to send
  server_.loop.RunPosted();
  const auto loaded = Only<::inference::RepositoryModelLoadResponse>(loading);
  EXPECT_EQ(loaded.model_name(), "a");
  EXPECT_TRUE(loaded.isloaded());

  ::inference::RepositoryModelUnloadRequest unload;
  unload.set_repository_name("kserve");  // KServe's messages have the model here
  (*unload.mutable_parameters())["unload_dependents"].set_bool_param(true);
  FakeGrpcCall& unloading = Call("RepositoryModelUnload", unload);
  EXPECT_EQ(server_.control.unloads.at(0), "kserve");
  unloading.Cancel();  // is waited for all the same
  server_.control.waiting.at(1)(base::Unavailable("models are watched"));
  server_.loop.RunPosted();
  EXPECT_EQ(ErrorOf(unloading), base::Unavailable("models are watched"));
}

TEST_F(GrpcFrontEndTest, RefusesWrongRepositoryRequests) {
  const auto refused = [this](auto&& change) {
    ::inference::RepositoryModelLoadRequest request;
    request.set_model_name("m");
    change(request);
    return ErrorOf(Call("RepositoryModelLoad", request));
  };
  EXPECT_THAT(refused([](auto& r) { r.clear_model_name(); }).message(),
              HasSubstr("model_name is missing"));
  EXPECT_EQ(refused([](auto& r) { r.set_repository_name("r"); }).code(),
            StatusCode::kUnimplemented);
  EXPECT_THAT(refused([](auto& r) { (*r.mutable_parameters())["x"].set_int64_param(1); }).message(),
              HasSubstr("parameter 'x': expected 'config'"));
  EXPECT_THAT(
      refused([](auto& r) { (*r.mutable_parameters())["config"].set_bytes_param("{}"); }).message(),
      HasSubstr("expected string_param"));
  EXPECT_THAT(refused([](auto& r) {
                (*r.mutable_parameters())["file:1/model.onnx"].set_bytes_param("");
              }).message(),
              HasSubstr("files need the parameter 'config'"));
  EXPECT_THAT(refused([](auto& r) {
                (*r.mutable_parameters())["file:1/../../x"].set_bytes_param("");
              }).message(),
              HasSubstr("must stay inside"));
  EXPECT_TRUE(server_.control.loads.empty());
}

// --- settings and shared memory ---

TEST_F(GrpcFrontEndTest, ReadsAndChangesLogSettings) {
  server_.log->set_level(base::LogLevel::kInfo);
  using Request = ::inference::LogSettingsRequest;
  using Response = ::inference::LogSettingsResponse;
  const auto before = Only<Response>(Call("LogSettings", Request()));
  EXPECT_EQ(before.settings().at("log_file").string_param(), "");
  EXPECT_TRUE(before.settings().at("log_info").bool_param());
  EXPECT_EQ(before.settings().at("log_verbose_level").uint32_param(), 0U);
  EXPECT_EQ(before.settings().at("log_format").string_param(), "ISO8601");
  Request request;
  auto& settings = *request.mutable_settings();
  settings["log_verbose_level"].set_uint32_param(1);
  EXPECT_EQ(Only<Response>(Call("LogSettings", request))
                .settings()
                .at("log_verbose_level")
                .uint32_param(),
            1U);
  EXPECT_EQ(server_.log->level(), base::LogLevel::kDebug);
  settings["log_info"].set_string_param("yes");
  EXPECT_THAT(ErrorOf(Call("LogSettings", request)).message(),
              HasSubstr("'log_info': expected bool_param"));
  settings.clear();
  settings["log_file"].set_string_param("f");
  EXPECT_EQ(ErrorOf(Call("LogSettings", request)).code(), StatusCode::kUnimplemented);
  settings.clear();
  settings["shoe"].set_bool_param(true);
  EXPECT_THAT(ErrorOf(Call("LogSettings", request)).message(), HasSubstr("unknown setting 'shoe'"));
}

TEST_F(GrpcFrontEndTest, SaysHonestlyWhatItDoesNotHave) {
  ::inference::SystemSharedMemoryStatusRequest status;
  EXPECT_EQ(
      Only<::inference::SystemSharedMemoryStatusResponse>(Call("SystemSharedMemoryStatus", status))
          .regions_size(),
      0);
  status.set_name("r");
  EXPECT_EQ(ErrorOf(Call("SystemSharedMemoryStatus", status)).code(), StatusCode::kUnimplemented);
  EXPECT_EQ(
      ErrorOf(Call("SystemSharedMemoryRegister", ::inference::SystemSharedMemoryRegisterRequest()))
          .code(),
      StatusCode::kUnimplemented);
  Only<::inference::SystemSharedMemoryUnregisterResponse>(
      Call("SystemSharedMemoryUnregister", ::inference::SystemSharedMemoryUnregisterRequest()));
  EXPECT_EQ(ErrorOf(Call("TraceSetting", ::inference::TraceSettingRequest())).code(),
            StatusCode::kUnimplemented);
}

// --- every unary method ---

TEST_F(GrpcFrontEndTest, UnaryCallsWantOneMessage) {
  FakeGrpcCall& none = Open("ServerLive");
  none.EndMessages();
  EXPECT_THAT(ErrorOf(none).message(), HasSubstr("expected one message, got 0"));
  FakeGrpcCall& gone = Open("ServerLive");
  gone.Cancel();
  EXPECT_EQ(ErrorOf(gone).code(), StatusCode::kCancelled);
}

TEST_F(GrpcFrontEndTest, DamagedMessagesAreRefused) {
  for (const char* method : {"ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics",
                             "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload",
                             "LogSettings", "SystemSharedMemoryStatus"}) {
    FakeGrpcCall& call = Open(method);
    call.SendMessage("\x0a\x05");
    call.EndMessages();
    EXPECT_EQ(ErrorOf(call).code(), StatusCode::kInvalidArgument) << method;
  }
}

TEST_F(GrpcFrontEndTest, GivesIdsBack) {
  EXPECT_EQ(Call("ServerLive", ::inference::ServerLiveRequest(), {{"x-request-id", "q"}})
                .MetadataOf("x-request-id"),
            "q");
}

}  // namespace
}  // namespace slipway::frontend::grpc

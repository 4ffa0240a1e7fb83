#include "frontend/grpc/infer_stream.h"

#include <gmock/gmock.h>
#include <inference/grpc_service.pb.h>

#include <string>
#include <vector>

#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using base::StatusCode;
using ::inference::ModelInferRequest;
using ::inference::ModelStreamInferResponse;
using testing::HasSubstr;

class InferStreamTest : public GrpcFixture {
 protected:
  static ModelInferRequest Request(const std::string& id, const std::string& raw = "ab") {
    ModelInferRequest request;
    request.set_model_name("m");
    request.set_id(id);
    auto* input = request.add_inputs();
    input->set_name("x");
    input->set_datatype("INT8");
    input->add_shape(2);
    request.add_raw_input_contents(raw);
    return request;
  }
  FakeModel& AddModel(bool inline_lane = true) {
    return server_.AddModel("m", 1, EchoSignature(tensor::DType::kInt8, {-1}), {}, inline_lane);
  }
  FakeGrpcCall& OpenStream(FakeGrpcCall::Metadata metadata = {}) {
    return Open("ModelStreamInfer", std::move(metadata));
  }
  static ModelStreamInferResponse Response(const FakeGrpcCall& call, size_t i) {
    return Answer<ModelStreamInferResponse>(call, i);
  }
};

TEST_F(InferStreamTest, AnswersEachRequest) {
  AddModel();
  FakeGrpcCall& call = OpenStream({{"x-request-id", "q"}});
  Send(call, Request("1"));
  Send(call, Request("2", "cd"));
  ASSERT_EQ(call.messages.size(), 2U);
  const auto first = Response(call, 0);
  EXPECT_EQ(first.error_message(), "");
  EXPECT_EQ(first.infer_response().id(), "1");
  EXPECT_EQ(first.infer_response().model_version(), "1");
  EXPECT_EQ(first.infer_response().raw_output_contents(0), "ab");
  const auto& parameters = first.infer_response().parameters();
  EXPECT_TRUE(parameters.at("triton_final_response").bool_param());
  EXPECT_EQ(parameters.at("slipway-model-digest").string_param(), "sha256:of-m-1");
  EXPECT_EQ(Response(call, 1).infer_response().raw_output_contents(0), "cd");
  EXPECT_FALSE(call.status.has_value());
  call.EndMessages();
  ASSERT_TRUE(call.status.has_value());
  EXPECT_TRUE(call.status->ok());
  EXPECT_EQ(call.MetadataOf("x-request-id"), "q");
}

TEST_F(InferStreamTest, AnswersFromTheCacheSaySo) {
  server_.cache_bytes = 1 << 20;
  AddModel();
  FakeGrpcCall& call = OpenStream();
  for (const char* id : {"1", "2"}) Send(call, Request(id));
  EXPECT_FALSE(Response(call, 0).infer_response().parameters().contains("slipway-cache"));
  const auto second = Response(call, 1).infer_response();
  EXPECT_EQ(second.id(), "2");
  EXPECT_EQ(second.parameters().at("slipway-cache").string_param(), "hit");
  EXPECT_EQ(second.raw_output_contents(0), "ab");
  call.EndMessages();
}

TEST_F(InferStreamTest, FailuresDoNotEndIt) {
  AddModel();
  FakeGrpcCall& call = OpenStream();
  Send(call, Request("1", "abc"));
  call.SendMessage("\xff");
  ModelInferRequest unknown = Request("3");
  unknown.set_model_name("z");
  unknown.set_model_version("4");
  Send(call, unknown);
  Send(call, Request("4"));
  call.EndMessages();
  ASSERT_EQ(call.messages.size(), 4U);
  EXPECT_THAT(Response(call, 0).error_message(), HasSubstr("model 'm' version 1: input 'x'"));
  EXPECT_EQ(Response(call, 0).infer_response().id(), "1");
  EXPECT_EQ(Response(call, 0).infer_response().outputs_size(), 0);
  EXPECT_THAT(Response(call, 1).error_message(), HasSubstr("ModelInferRequest: damaged"));
  EXPECT_THAT(Response(call, 2).error_message(), HasSubstr("'z'"));
  EXPECT_EQ(Response(call, 2).infer_response().model_name(), "z");
  EXPECT_EQ(Response(call, 2).infer_response().model_version(), "4");
  EXPECT_EQ(Response(call, 3).error_message(), "");
  EXPECT_TRUE(call.status->ok());
}

TEST_F(InferStreamTest, TheFirstFailureEndsItWhereTheClientWantsThat) {
  AddModel();
  FakeGrpcCall& call = OpenStream({{"triton_grpc_error", "true"}});
  Send(call, Request("1"));
  Send(call, Request("2", "abc"));
  EXPECT_EQ(call.messages.size(), 1U);
  ASSERT_TRUE(call.status.has_value());
  EXPECT_EQ(call.status->code(), StatusCode::kInvalidArgument);
}

TEST_F(InferStreamTest, KeepsTheOrderAcrossLanes) {
  AddModel(/*inline_lane=*/false);
  server_.AddModel("quick", 1, EchoSignature(tensor::DType::kInt8, {-1}));
  FakeGrpcCall& call = OpenStream();
  Send(call, Request("slow"));
  ModelInferRequest quick = Request("quick");
  quick.set_model_name("quick");
  Send(call, quick);
  EXPECT_TRUE(call.messages.empty());
  call.EndMessages();
  EXPECT_FALSE(call.status.has_value());
  server_.loop.RunUntil([&] { return call.status.has_value(); });
  ASSERT_EQ(call.messages.size(), 2U);
  EXPECT_EQ(Response(call, 0).infer_response().id(), "slow");
  EXPECT_EQ(Response(call, 1).infer_response().id(), "quick");
  EXPECT_EQ(Response(call, 1).infer_response().raw_output_contents(0), "ab");
}

TEST_F(InferStreamTest, BeginsNothingWhileTheClientDoesNotRead) {
  FakeModel& model = AddModel();
  int runs = 0;
  model.engine().set_run([&](auto inputs, auto, std::vector<tensor::Tensor>& results) {
    ++runs;
    results.push_back(*tensor::Tensor::CopyOf(inputs[0]));
    return base::OkStatus();
  });
  FakeGrpcCall& call = OpenStream();
  call.writable = false;
  for (int i = 0; i < 5; ++i) Send(call, Request(std::to_string(i)));
  call.EndMessages();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(call.messages.size(), 1U);
  call.BecomeWritable();
  EXPECT_EQ(runs, 5);
  ASSERT_EQ(call.messages.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Response(call, i).infer_response().id(), std::to_string(i));
  }
  EXPECT_TRUE(call.status->ok());
}

TEST_F(InferStreamTest, RunsOnlySoManyAtATime) {
  FakeModel& model = AddModel(/*inline_lane=*/false);
  FakeGrpcCall& call = OpenStream();
  const size_t all = 3 * InferStream::kMaxRunning;
  for (size_t i = 0; i < all; ++i) Send(call, Request(std::to_string(i)));
  EXPECT_EQ(model.runtime().stats().Read().in_flight,
            static_cast<int64_t>(InferStream::kMaxRunning));
  call.EndMessages();
  server_.loop.RunUntil([&] {
    call.Deliver();
    return call.status.has_value();
  });
  ASSERT_EQ(call.messages.size(), all);
  for (size_t i = 0; i < all; ++i) {
    EXPECT_EQ(Response(call, i).infer_response().id(), std::to_string(i));
  }
}

TEST_F(InferStreamTest, CancellingDropsWhatRuns) {
  FakeModel& model = AddModel(/*inline_lane=*/false);
  FakeGrpcCall& call = OpenStream({{"x-request-id", "q"}});
  for (int i = 0; i < 10; ++i) Send(call, Request(std::to_string(i)));
  call.Cancel();
  ASSERT_TRUE(call.status.has_value());
  EXPECT_EQ(call.status->code(), StatusCode::kCancelled);
  server_.loop.RunUntil([&] { return model.runtime().stats().Read().in_flight == 0; });
  EXPECT_TRUE(call.messages.empty());
}

TEST_F(InferStreamTest, LargeOutputsAreNotCopied) {
  server_.AddModel("m", 1, EchoSignature(tensor::DType::kInt8, {-1}));
  ModelInferRequest request = Request("1", std::string(100'000, 'z'));
  request.mutable_inputs(0)->set_shape(0, 100'000);
  FakeGrpcCall& call = OpenStream();
  Send(call, request);
  EXPECT_EQ(call.pieces, 1U);
  EXPECT_EQ(Response(call, 0).infer_response().raw_output_contents(0), std::string(100'000, 'z'));
  call.EndMessages();
}

TEST_F(InferStreamTest, EmptyStreamsEndWell) {
  FakeGrpcCall& call = OpenStream();
  call.EndMessages();
  EXPECT_TRUE(call.status.has_value() && call.status->ok());
}

}  // namespace
}  // namespace slipway::frontend::grpc

#include <gmock/gmock.h>
#include <inference/grpc_service.pb.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "frontend/grpc/infer_response.h"
#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using base::StatusCode;
using base::StrCat;
using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using std::chrono::microseconds;
using tensor::DType;
using testing::HasSubstr;
using testing::Not;

std::string Bytes(std::vector<float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

ModelInferRequest Described(const std::string& datatype, const std::vector<int64_t>& shape) {
  ModelInferRequest request;
  request.set_model_name("m");
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype(datatype);
  for (const int64_t dim : shape) input->add_shape(dim);
  return request;
}

ModelInferRequest Two() {
  ModelInferRequest request = Described("FP32", {1, 2});
  request.set_id("7");
  request.add_raw_input_contents(Bytes({1.5, 2}));
  return request;
}

class InferCallTest : public GrpcFixture {
 protected:
  FakeGrpcCall& Infer(const ModelInferRequest& request, FakeGrpcCall::Metadata metadata = {}) {
    return Call("ModelInfer", request, std::move(metadata));
  }
  std::string Refused(const ModelInferRequest& request) {
    const base::Status status = ErrorOf(Infer(request));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    return status.message();
  }
};

TEST_F(InferCallTest, AnswersRawContents) {
  server_.AddModel("m", 3, EchoSignature());
  const FakeGrpcCall& call = Infer(Two());
  const auto answer = Only<ModelInferResponse>(call);
  EXPECT_EQ(answer.model_name(), "m");
  EXPECT_EQ(answer.model_version(), "3");
  EXPECT_EQ(answer.id(), "7");
  ASSERT_EQ(answer.outputs_size(), 1);
  EXPECT_EQ(answer.outputs(0).name(), "y");
  EXPECT_EQ(answer.outputs(0).datatype(), "FP32");
  EXPECT_THAT(answer.outputs(0).shape(), testing::ElementsAre(1, 2));
  EXPECT_FALSE(answer.outputs(0).has_contents());
  EXPECT_THAT(answer.raw_output_contents(), testing::ElementsAre(Bytes({1.5, 2})));
  EXPECT_EQ(call.MetadataOf("slipway-model-digest"), "sha256:of-m-3");
  EXPECT_EQ(call.MetadataOf("slipway-warning"), "");
  EXPECT_EQ(answer.SerializeAsString(), call.messages[0]);  // as protobuf itself would write it
}

TEST_F(InferCallTest, AnswersFromTheCacheSaySoAndAreCounted) {
  server_.cache_bytes = 1 << 20;
  server_.AddModel("m", 3, EchoSignature());
  const FakeGrpcCall& ran = Infer(Two());
  const FakeGrpcCall& hit = Infer(Two());
  EXPECT_EQ(ran.MetadataOf("slipway-cache"), "");
  EXPECT_EQ(hit.MetadataOf("slipway-cache"), "hit");
  EXPECT_EQ(hit.messages, ran.messages);
  const auto stats = Only<::inference::ModelStatisticsResponse>(
      Call("ModelStatistics", ::inference::ModelStatisticsRequest()));
  const auto& counts = stats.model_stats(0).inference_stats();
  EXPECT_EQ(counts.cache_hit().count(), 1U);
  EXPECT_EQ(counts.cache_miss().count(), 1U);
  EXPECT_EQ(counts.compute_infer().count(), 1U);
  EXPECT_EQ(counts.success().count(), 2U);
}

TEST_F(InferCallTest, InputsAreViewsWhereverTheMessageLies) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature());
  const std::byte* seen = nullptr;
  model.engine().set_run([&](auto inputs, auto, std::vector<tensor::Tensor>& results) {
    seen = inputs[0].data().data();
    results.push_back(*tensor::Tensor::CopyOf(inputs[0]));
    return base::OkStatus();
  });
  for (size_t lead = 0; lead < 8; ++lead) {
    FakeGrpcCall& call = Open("ModelInfer");
    call.SendMessage(Two().SerializeAsString(), {}, lead);
    call.EndMessages();
    EXPECT_EQ(Only<ModelInferResponse>(call).raw_output_contents(0), Bytes({1.5, 2}));
    EXPECT_EQ(seen == nullptr, false);
  }
}

TEST_F(InferCallTest, PicksTheVersion) {
  server_.AddModel("m", 1, EchoSignature());
  server_.AddModel("m", 2, EchoSignature());
  ModelInferRequest request = Two();
  EXPECT_EQ(Only<ModelInferResponse>(Infer(request)).model_version(), "2");
  request.set_model_version("1");
  EXPECT_EQ(Only<ModelInferResponse>(Infer(request)).model_version(), "1");
  for (const char* wrong : {"x", "-1", "1.0", " 1", "1 "}) {
    request.set_model_version(wrong);
    EXPECT_THAT(Refused(request), HasSubstr("expected a version as digits")) << wrong;
  }
  request.set_model_version("99999999999999999999");
  EXPECT_EQ(ErrorOf(Infer(request)).code(), StatusCode::kNotFound);
  request.set_model_version("3");
  EXPECT_EQ(ErrorOf(Infer(request)).code(), StatusCode::kNotFound);
}

TEST_F(InferCallTest, TellsUnknownFromNotReady) {
  server_.control.entries = {{.name = "m", .version = 1, .state = "LOADING", .reason = ""}};
  EXPECT_EQ(ErrorOf(Infer(Two())).code(), StatusCode::kUnavailable);
  ModelInferRequest request = Two();
  request.set_model_name("other");
  EXPECT_EQ(ErrorOf(Infer(request)).code(), StatusCode::kNotFound);
  request.set_model_name("");
  EXPECT_THAT(Refused(request), HasSubstr("model_name is missing"));
}

// --- large outputs ---

TEST_F(InferCallTest, LargeOutputsAreSentInPlaceAndInOrder) {
  tensor::Signature signature;
  for (const char* name : {"a", "b", "c", "d"}) {
    signature.inputs.push_back({.name = name, .dtype = DType::kInt8, .shape = {-1}});
    signature.outputs.push_back({.name = name, .dtype = DType::kInt8, .shape = {-1}});
  }
  server_.AddModel("m", 1, signature);
  ModelInferRequest request;
  request.set_model_name("m");
  const std::vector<size_t> sizes = {3, kSentInPlaceBytes, 5, 2 * kSentInPlaceBytes};
  for (size_t i = 0; i < sizes.size(); ++i) {
    auto* input = request.add_inputs();
    input->set_name(std::string(1, static_cast<char>('a' + i)));
    input->set_datatype("INT8");
    input->add_shape(static_cast<int64_t>(sizes[i]));
    request.add_raw_input_contents(std::string(sizes[i], static_cast<char>('a' + i)));
  }
  const FakeGrpcCall& call = Infer(request);
  const auto answer = Only<ModelInferResponse>(call);
  ASSERT_EQ(answer.raw_output_contents_size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer.raw_output_contents(i), request.raw_input_contents(i));
  }
  // b, the fields around c and before d, d.
  EXPECT_EQ(call.pieces, 4U);
}

TEST_F(InferCallTest, EmptyOutputsHaveEmptyEntries) {
  server_.AddModel("m", 1, EchoSignature());
  ModelInferRequest request = Described("FP32", {0, 2});
  request.add_raw_input_contents("");
  const auto answer = Only<ModelInferResponse>(Infer(request));
  EXPECT_THAT(answer.outputs(0).shape(), testing::ElementsAre(0, 2));
  EXPECT_THAT(answer.raw_output_contents(), testing::ElementsAre(""));
}

// --- typed contents ---

TEST_F(InferCallTest, TakesTypedContentsOfEveryDatatype) {
  struct Case {
    DType dtype;
    std::function<void(::inference::InferTensorContents&)> fill;
    std::string raw;
  };
  const std::vector<Case> cases = {
      {DType::kBool,
       [](auto& c) {
         c.add_bool_contents(true);
         c.add_bool_contents(false);
       },
       std::string("\1\0", 2)},
      {DType::kInt8,
       [](auto& c) {
         c.add_int_contents(-128);
         c.add_int_contents(127);
       },
       "\x80\x7f"},
      {DType::kInt16,
       [](auto& c) {
         c.add_int_contents(-2);
         c.add_int_contents(0x102);
       },
       "\xfe\xff\x02\x01"},
      {DType::kInt32,
       [](auto& c) {
         c.add_int_contents(-2);
         c.add_int_contents(0x01020304);
       },
       "\xfe\xff\xff\xff\x04\x03\x02\x01"},
      {DType::kInt64,
       [](auto& c) {
         c.add_int64_contents(-1);
         c.add_int64_contents(1);
       },
       std::string("\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 16)},
      {DType::kUint8,
       [](auto& c) {
         c.add_uint_contents(255);
         c.add_uint_contents(1);
       },
       "\xff\x01"},
      {DType::kUint16,
       [](auto& c) {
         c.add_uint_contents(65535);
         c.add_uint_contents(0x201);
       },
       "\xff\xff\x01\x02"},
      {DType::kUint32,
       [](auto& c) {
         c.add_uint_contents(0xffffffff);
         c.add_uint_contents(0x04030201);
       },
       "\xff\xff\xff\xff\x01\x02\x03\x04"},
      {DType::kUint64,
       [](auto& c) {
         c.add_uint64_contents(~0ULL);
         c.add_uint64_contents(1);
       },
       std::string("\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 16)},
      {DType::kFp32,
       [](auto& c) {
         c.add_fp32_contents(1.5F);
         c.add_fp32_contents(-2);
       },
       Bytes({1.5F, -2})},
      {DType::kFp64,
       [](auto& c) {
         c.add_fp64_contents(0);
         c.add_fp64_contents(0);
       },
       std::string(16, '\0')},
      {DType::kBytes,
       [](auto& c) {
         c.add_bytes_contents("ab");
         c.add_bytes_contents("");
       },
       std::string("\2\0\0\0ab\0\0\0\0", 10)}};
  for (const Case& c : cases) {
    SCOPED_TRACE(tensor::DTypeName(c.dtype));
    server_.RemoveModels();
    server_.AddModel("m", 1, EchoSignature(c.dtype, {-1}));
    ModelInferRequest request = Described(std::string(tensor::DTypeName(c.dtype)), {2});
    c.fill(*request.mutable_inputs(0)->mutable_contents());
    EXPECT_THAT(Only<ModelInferResponse>(Infer(request)).raw_output_contents(),
                testing::ElementsAre(c.raw));
  }
}

TEST_F(InferCallTest, RefusesNumbersThatDoNotFit) {
  server_.AddModel("m", 1, EchoSignature(DType::kInt8, {-1}));
  ModelInferRequest request = Described("INT8", {2});
  request.mutable_inputs(0)->mutable_contents()->add_int_contents(1);
  request.mutable_inputs(0)->mutable_contents()->add_int_contents(128);
  EXPECT_EQ(Refused(request),
            "model 'm' version 1: input 'x': int_contents: element 1 does not fit into INT8");
}

// --- bad input ---

TEST_F(InferCallTest, RefusesWhatDoesNotFitTheModel) {
  server_.AddModel("m", 1, EchoSignature());
  const auto refused = [this](auto&& change) {
    ModelInferRequest request = Two();
    change(request);
    return Refused(request);
  };
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_name("z"); }),
              HasSubstr("input 'z': the model has no such input; it expects 'x' FP32[-1,2]"));
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_datatype("FP33"); }),
              HasSubstr("input 'x': expected FP32[-1,2], got the unknown datatype 'FP33'"));
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_datatype("INT32"); }),
              HasSubstr("expected FP32[-1,2], got INT32[1,2]"));
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_shape(1, 3); }),
              HasSubstr("expected FP32[-1,2], got FP32[1,3]"));
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_shape(0, -1); }),
              HasSubstr("expected dimension 0 to be at least 0, got -1"));
  EXPECT_THAT(refused([](auto& r) { r.mutable_inputs(0)->set_shape(0, int64_t{1} << 62); }),
              HasSubstr("input 'x': "));
  EXPECT_THAT(refused([](auto& r) {
                for (int i = 0; i < 15; ++i) r.mutable_inputs(0)->add_shape(1);
              }),
              HasSubstr("expected at most 16 dimensions"));
  EXPECT_THAT(refused([](auto& r) { r.set_raw_input_contents(0, "1234567"); }),
              HasSubstr("input 'x': "));
  EXPECT_THAT(refused([](auto& r) { r.add_raw_input_contents("12345678"); }),
              HasSubstr("expected 1 raw_input_contents, one for each input, got 2"));
  EXPECT_THAT(refused([](auto& r) { r.clear_raw_input_contents(); }),
              HasSubstr("expected 2 elements, got 0; send contents or raw_input_contents"));
  EXPECT_THAT(
      refused([](auto& r) { r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1); }),
      HasSubstr("input 'x' has contents, but the request has raw_input_contents"));
  EXPECT_THAT(refused([](auto& r) {
                *r.add_inputs() = r.inputs(0);
                r.add_raw_input_contents(Bytes({1, 2}));
              }),
              HasSubstr("input 'x': is there twice"));
  EXPECT_THAT(refused([](auto& r) {
                r.clear_inputs();
                r.clear_raw_input_contents();
              }),
              HasSubstr("input 'x' is missing: the model expects FP32[-1,2]"));
  EXPECT_THAT(refused([](auto& r) { r.add_outputs()->set_name("q"); }),
              HasSubstr("output 'q': the model has no such output; it has 'y'"));
  EXPECT_THAT(refused([](auto& r) {
                r.add_outputs()->set_name("y");
                r.add_outputs()->set_name("y");
              }),
              HasSubstr("output 'y' is there twice"));
}

TEST_F(InferCallTest, RefusesContentsInTheWrongField) {
  server_.AddModel("m", 1, EchoSignature());
  ModelInferRequest request = Described("FP32", {1, 2});
  request.mutable_inputs(0)->mutable_contents()->add_fp64_contents(1);
  EXPECT_THAT(Refused(request),
              HasSubstr("expected the data of FP32 in fp32_contents, got fp64_contents"));
  server_.AddModel("h", 1, EchoSignature(DType::kFp16, {-1}));
  request = Described("FP16", {1});
  request.set_model_name("h");
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_THAT(Refused(request), HasSubstr("FP16 has no typed contents: send raw_input_contents"));
}

TEST_F(InferCallTest, RefusesStringsWhoseLengthsLie) {
  server_.AddModel("m", 1, EchoSignature(DType::kBytes, {-1}));
  for (const std::string& raw :
       {std::string("\3\0\0\0ab", 6), std::string("\xff\xff\xff\xff", 4), std::string("\0\0\0", 3),
        std::string("\0\0\0\0\0\0\0\0", 8), std::string()}) {
    ModelInferRequest request = Described("BYTES", {1});
    request.add_raw_input_contents(raw);
    EXPECT_THAT(Refused(request), HasSubstr("input 'x': "));
  }
}

TEST_F(InferCallTest, RefusesDamagedMessages) {
  server_.AddModel("m", 1, EchoSignature());
  const std::string whole = Two().SerializeAsString();
  int refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    FakeGrpcCall& call = Open("ModelInfer");
    call.SendMessage(whole.substr(0, size));
    call.EndMessages();
    ASSERT_TRUE(call.status.has_value());
    EXPECT_FALSE(call.status->ok());
    refused += call.status->message().find("damaged at byte") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(refused, 20);  // elsewhere a field is missing that the model needs
}

TEST_F(InferCallTest, WantsExactlyOneMessage) {
  server_.AddModel("m", 1, EchoSignature());
  FakeGrpcCall& none = Open("ModelInfer");
  none.EndMessages();
  EXPECT_THAT(ErrorOf(none).message(), HasSubstr("expected one message, got 0"));
  FakeGrpcCall& two = Open("ModelInfer");
  Send(two, Two());
  Send(two, Two());
  two.EndMessages();
  EXPECT_THAT(ErrorOf(two).message(), HasSubstr("expected one message, got 2"));
}

// --- parameters ---

TEST_F(InferCallTest, ReadsParameters) {
  server_.AddModel("m", 1, EchoSignature());
  ModelInferRequest request = Two();
  auto& parameters = *request.mutable_parameters();
  parameters["timeout"].set_int64_param(5000);
  parameters["priority"].set_uint64_param(0);
  parameters["binary_data_output"].set_bool_param(false);
  parameters["triton_enable_empty_final_response"].set_bool_param(true);
  (*request.mutable_inputs(0)->mutable_parameters())["binary_data_size"].set_int64_param(1);
  const FakeGrpcCall& fine = Infer(request);
  Only<ModelInferResponse>(fine);
  EXPECT_EQ(fine.MetadataOf("slipway-warning"), "");

  parameters["priority"].set_int64_param(2);
  parameters["shoe"].set_double_param(1.5);
  parameters["none"];
  (*request.mutable_inputs(0)->mutable_parameters())["content_type"].set_string_param("np");
  const FakeGrpcCall& warned = Infer(request);
  Only<ModelInferResponse>(warned);
  EXPECT_THAT(warned.MetadataOf("slipway-warning"), Not(HasSubstr("priority")));
  for (const char* name :
       {"parameter 'shoe'", "parameter 'none'", "input parameter 'content_type'"}) {
    EXPECT_THAT(warned.MetadataOf("slipway-warning"), HasSubstr(name));
  }
  parameters["strict"].set_bool_param(true);
  EXPECT_THAT(Refused(request), HasSubstr("not understood, and the request is strict: "));
}

TEST_F(InferCallTest, RefusesWrongParameters) {
  server_.AddModel("m", 1, EchoSignature());
  const auto refused = [this](const char* name, auto&& set) {
    ModelInferRequest request = Two();
    set((*request.mutable_parameters())[name]);
    return Refused(request);
  };
  EXPECT_THAT(refused("timeout", [](auto& p) { p.set_int64_param(-1); }),
              HasSubstr("parameter 'timeout': expected an integer of at least 0, got int64_param "
                        "-1"));
  EXPECT_THAT(refused("timeout", [](auto& p) { p.set_string_param("1"); }),
              HasSubstr("expected uint64_param or int64_param, got string_param"));
  EXPECT_THAT(refused("priority", [](auto& p) { p.Clear(); }), HasSubstr("got no value"));
  EXPECT_THAT(refused("strict", [](auto& p) { p.set_int64_param(1); }),
              HasSubstr("expected bool_param, got int64_param 1"));
  EXPECT_THAT(refused("triton_x", [](auto& p) { p.set_bool_param(true); }),
              HasSubstr("parameter 'triton_x': the name is reserved"));
  EXPECT_THAT(refused("headers", [](auto& p) { p.set_bool_param(true); }),
              HasSubstr("the name is reserved"));
}

TEST_F(InferCallTest, RefusesSharedMemoryUnlessItIsOn) {
  server_.AddModel("m", 1, EchoSignature());
  ModelInferRequest request = Described("FP32", {1, 2});
  (*request.mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("r");
  const base::Status refused = ErrorOf(Infer(request));
  EXPECT_EQ(refused.code(), StatusCode::kUnimplemented);
  EXPECT_THAT(refused.message(), HasSubstr("start it with --shared-memory"));
  request = Two();
  request.add_outputs()->set_name("y");
  (*request.mutable_outputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("r");
  EXPECT_EQ(ErrorOf(Infer(request)).code(), StatusCode::kUnimplemented);
}

TEST_F(InferCallTest, Classifies) {
  lifecycle::ModelConfig config;
  config.labels["y"] = {"no", "yes"};
  server_.AddModel("m", 1, EchoSignature(), config);
  ModelInferRequest request = Two();
  auto* output = request.add_outputs();
  output->set_name("y");
  (*output->mutable_parameters())["classification"].set_int64_param(1);
  const auto answer = Only<ModelInferResponse>(Infer(request));
  EXPECT_EQ(answer.outputs(0).datatype(), "BYTES");
  EXPECT_THAT(answer.outputs(0).shape(), testing::ElementsAre(1, 1));
  EXPECT_EQ(answer.raw_output_contents(0), StrCat(std::string("\x0e\0\0\0", 4), "2.000000:1:yes"));
  (*output->mutable_parameters())["classification"].set_int64_param(0);
  EXPECT_THAT(Refused(request), HasSubstr("expected at least 1, got 0"));
}

// --- engines, time, identity ---

TEST_F(InferCallTest, PassesEngineErrorsOn) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature());
  for (const StatusCode code : {StatusCode::kInternal, StatusCode::kResourceExhausted,
                                StatusCode::kDeadlineExceeded, StatusCode::kUnavailable}) {
    model.engine().set_run([&](auto, auto, auto&) { return base::Status(code, "no"); });
    EXPECT_EQ(ErrorOf(Infer(Two())), base::Status(code, "model 'm' version 1: no"));
  }
}

TEST_F(InferCallTest, WhatMayPassSaysWhenToTryAgain) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature());
  for (const auto& [status, pushback] : {std::pair(base::ResourceExhausted("full"), "1000"),
                                         std::pair(base::Unavailable("asleep"), "1000"),
                                         std::pair(base::InvalidArgument("wrong"), "")}) {
    model.engine().set_run([&](auto, auto, auto&) { return status; });
    EXPECT_EQ(Infer(Two()).MetadataOf("grpc-retry-pushback-ms"), pushback) << status;
  }
}

TEST_F(InferCallTest, TheNearerDeadlineHolds) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature(), {}, /*inline_lane=*/true);
  base::SteadyTime at;
  model.engine().set_run([&](auto inputs, auto, std::vector<tensor::Tensor>& results) {
    results.push_back(*tensor::Tensor::CopyOf(inputs[0]));
    return base::OkStatus();
  });
  const base::SteadyTime now = server_.clock.SteadyNow();
  const auto infer = [&](base::SteadyTime deadline, int64_t timeout_us) -> FakeGrpcCall& {
    ModelInferRequest request = Two();
    if (timeout_us > 0) (*request.mutable_parameters())["timeout"].set_int64_param(timeout_us);
    FakeGrpcCall& call = Open("ModelInfer");
    call.set_deadline(deadline);
    Send(call, request);
    call.EndMessages();
    return call;
  };
  Only<ModelInferResponse>(infer(now + microseconds(5), 0));
  EXPECT_EQ(ErrorOf(infer(now, 0)).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ErrorOf(infer(now, 1'000'000)).code(), StatusCode::kDeadlineExceeded);
  Only<ModelInferResponse>(infer(now + microseconds(5), 1));
}

TEST_F(InferCallTest, GivesIdsBackAlsoWithErrors) {
  server_.AddModel("m", 1, EchoSignature());
  const FakeGrpcCall::Metadata metadata = {
      {"x-request-id", "abc"},
      {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  const FakeGrpcCall& call = Infer(Two(), metadata);
  Only<ModelInferResponse>(call);
  EXPECT_EQ(call.MetadataOf("x-request-id"), "abc");
  EXPECT_THAT(call.MetadataOf("traceresponse"),
              testing::MatchesRegex("00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01"));
  ModelInferRequest request = Two();
  request.set_model_name("z");
  EXPECT_EQ(Infer(request, metadata).MetadataOf("x-request-id"), "abc");
}

TEST_F(InferCallTest, AnswersLaterFromTheQueueLane) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature(), {}, /*inline_lane=*/false);
  FakeGrpcCall& first = Infer(Two());
  FakeGrpcCall& second = Infer(Two());
  second.Cancel();
  EXPECT_FALSE(first.status.has_value());
  server_.loop.RunUntil([&] { return first.status && second.status; });
  Only<ModelInferResponse>(first);
  EXPECT_EQ(model.runtime().stats().Read().in_flight, 0);
}

TEST_F(InferCallTest, CancelledBeforeTheMessageIsOver) {
  FakeGrpcCall& call = Open("ModelInfer");
  call.Cancel();
  EXPECT_EQ(ErrorOf(call).code(), StatusCode::kCancelled);
}

TEST_F(InferCallTest, CountsAsGrpc) {
  FakeModel& model = server_.AddModel("m", 1, EchoSignature());
  Infer(Two());
  ModelInferRequest wrong = Two();
  wrong.mutable_inputs(0)->set_name("z");
  Infer(wrong);
  const auto totals = model.runtime().stats().Read();
  const auto& grpc = totals.requests[static_cast<size_t>(monitor::Protocol::kGrpc)];
  EXPECT_EQ(grpc[static_cast<size_t>(StatusCode::kOk)], 1U);
  EXPECT_EQ(grpc[static_cast<size_t>(StatusCode::kInvalidArgument)], 1U);
  EXPECT_EQ(totals.rows, 1U);
  EXPECT_EQ(totals.in_flight, 0);
}

}  // namespace
}  // namespace slipway::frontend::grpc

// Shared memory over gRPC: methods and requests.

#include <gmock/gmock.h>
#include <inference/grpc_service.pb.h>

#include <string>
#include <string_view>

#include "frontend/testing/fake_shared_memory.h"
#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using base::StatusCode;
using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using tensor::DType;
using testing::HasSubstr;

class SharedMemoryMethodsTest : public FakeSharedMemory, public GrpcFixture {
 protected:
  SharedMemoryMethodsTest() : GrpcFixture(&registry_) {
    MakeObject("in", {1.5F, -2.0F, 3.0F, 4.0F});
    MakeObject("out", std::string(64, '#'));
  }
  FakeGrpcCall& Register(const std::string& name, const std::string& key, uint64_t size,
                         uint64_t offset = 0) {
    ::inference::SystemSharedMemoryRegisterRequest request;
    request.set_name(name);
    request.set_key(key);
    request.set_offset(offset);
    request.set_byte_size(size);
    return Call("SystemSharedMemoryRegister", request);
  }
  auto Regions(const std::string& name = "") {
    ::inference::SystemSharedMemoryStatusRequest request;
    request.set_name(name);
    return Only<::inference::SystemSharedMemoryStatusResponse>(
               Call("SystemSharedMemoryStatus", request))
        .regions();
  }
  void Unregister(const std::string& name) {
    ::inference::SystemSharedMemoryUnregisterRequest request;
    request.set_name(name);
    Only<::inference::SystemSharedMemoryUnregisterResponse>(
        Call("SystemSharedMemoryUnregister", request));
  }

  template <typename Described>
  static void Share(Described& described, const std::string& region, int64_t size,
                    int64_t offset = 0) {
    auto& parameters = *described.mutable_parameters();
    parameters["shared_memory_region"].set_string_param(region);
    parameters["shared_memory_byte_size"].set_int64_param(size);
    if (offset != 0) parameters["shared_memory_offset"].set_int64_param(offset);
  }
  static ::inference::ModelInferRequest::InferInputTensor& AddInput(ModelInferRequest& request,
                                                                    const char* name,
                                                                    int64_t rows = 1) {
    auto* input = request.add_inputs();
    input->set_name(name);
    input->set_datatype("FP32");
    input->add_shape(rows);
    input->add_shape(2);
    return *input;
  }
  // x: FP32[1,2] of region "i" at byte 4.
  static ModelInferRequest Two() {
    ModelInferRequest request;
    request.set_model_name("m");
    Share(AddInput(request, "x"), "i", 8, 4);
    return request;
  }
  FakeGrpcCall& Infer(const ModelInferRequest& request) { return Call("ModelInfer", request); }
  void RegisterBoth() {
    server_.AddModel("m", 1, EchoSignature());
    EXPECT_EQ(Register("i", "/in", 16).status, base::OkStatus());
    EXPECT_EQ(Register("o", "/out", 48, 16).status, base::OkStatus());
  }
};

TEST_F(SharedMemoryMethodsTest, RegistersAndTellsRegions) {
  RegisterBoth();
  EXPECT_EQ(Regions().size(), 2U);
  const auto only = Regions("o");
  ASSERT_EQ(only.count("o"), 1U);
  EXPECT_EQ(only.at("o").name(), "o");
  EXPECT_EQ(only.at("o").key(), "/out");
  EXPECT_EQ(only.at("o").offset(), 16U);
  EXPECT_EQ(only.at("o").byte_size(), 48U);
  EXPECT_EQ(ErrorOf(Register("o", "/out", 8)).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorOf(Register("", "/out", 8)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorOf(Register("p", "/absent", 8)).code(), StatusCode::kNotFound);
  Unregister("absent");
  Unregister("o");
  EXPECT_EQ(Regions().size(), 1U);
  Unregister("");
  EXPECT_EQ(Regions().size(), 0U);
  ::inference::SystemSharedMemoryStatusRequest request;
  request.set_name("o");
  EXPECT_EQ(ErrorOf(Call("SystemSharedMemoryStatus", request)).code(), StatusCode::kNotFound);
}

TEST_F(SharedMemoryMethodsTest, RefusesDamagedMessages) {
  for (const char* method :
       {"SystemSharedMemoryRegister", "SystemSharedMemoryUnregister", "CudaSharedMemoryStatus"}) {
    FakeGrpcCall& call = Open(method);
    call.SendMessage("\x0a\x05");
    call.EndMessages();
    EXPECT_EQ(ErrorOf(call).code(), StatusCode::kInvalidArgument) << method;
  }
}

TEST_F(SharedMemoryMethodsTest, IsForClientsOnThisHost) {
  RegisterBoth();
  const auto code_from_afar = [&](const char* method, const std::string& message) {
    FakeGrpcCall& call = Open(method);
    call.set_peer("192.0.2.1:4711");
    call.SendMessage(message);
    call.EndMessages();
    return ErrorOf(call).code();
  };
  for (const char* method :
       {"SystemSharedMemoryStatus", "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister"}) {
    EXPECT_EQ(code_from_afar(method, ""), StatusCode::kPermissionDenied) << method;
  }
  EXPECT_EQ(code_from_afar("ModelInfer", Two().SerializeAsString()), StatusCode::kPermissionDenied);
  EXPECT_EQ(Regions().size(), 2U);
}

TEST_F(SharedMemoryMethodsTest, AnnouncesItself) {
  const auto metadata = Only<::inference::ServerMetadataResponse>(
      Call("ServerMetadata", ::inference::ServerMetadataRequest()));
  EXPECT_THAT(metadata.extensions(), testing::Contains("system_shared_memory"));
}

TEST_F(SharedMemoryMethodsTest, HasNoCudaMemory) {
  ::inference::CudaSharedMemoryStatusRequest status;
  EXPECT_EQ(
      Only<::inference::CudaSharedMemoryStatusResponse>(Call("CudaSharedMemoryStatus", status))
          .regions_size(),
      0);
  status.set_name("r");
  EXPECT_EQ(ErrorOf(Call("CudaSharedMemoryStatus", status)).code(), StatusCode::kNotFound);
  EXPECT_EQ(
      ErrorOf(Call("CudaSharedMemoryRegister", ::inference::CudaSharedMemoryRegisterRequest())),
      NoCudaSharedMemory());
  Only<::inference::CudaSharedMemoryUnregisterResponse>(
      Call("CudaSharedMemoryUnregister", ::inference::CudaSharedMemoryUnregisterRequest()));
}

TEST_F(SharedMemoryMethodsTest, ReadsInputsAndWritesOutputs) {
  RegisterBoth();
  ModelInferRequest request = Two();
  auto answer = Only<ModelInferResponse>(Infer(request));
  EXPECT_EQ(answer.raw_output_contents(0), Content("in").substr(4, 8));
  auto* output = request.add_outputs();
  output->set_name("y");
  Share(*output, "o", 48);
  answer = Only<ModelInferResponse>(Infer(request));
  ASSERT_EQ(answer.outputs_size(), 1);
  EXPECT_EQ(answer.outputs(0).datatype(), "FP32");
  EXPECT_EQ(answer.outputs(0).shape(1), 2);
  EXPECT_EQ(answer.outputs(0).parameters_size(), 0);
  ASSERT_EQ(answer.raw_output_contents_size(), 1);
  EXPECT_EQ(answer.raw_output_contents(0), "");
  EXPECT_EQ(Content("out"),
            std::string(16, '#') + Content("in").substr(4, 8) + std::string(40, '#'));
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(SharedMemoryMethodsTest, SharedInputsTakeNoRawContents) {
  tensor::Signature two = EchoSignature();
  two.inputs.push_back({.name = "z", .dtype = DType::kFp32, .shape = {-1, 2}});
  two.outputs.push_back({.name = "w", .dtype = DType::kFp32, .shape = {-1, 2}});
  server_.AddModel("m", 1, two);
  EXPECT_EQ(Register("i", "/in", 16).status, base::OkStatus());
  ModelInferRequest request = Two();
  AddInput(request, "z");
  request.add_raw_input_contents("abcdefgh");
  const auto answer = Only<ModelInferResponse>(Infer(request));
  EXPECT_EQ(answer.raw_output_contents(0), Content("in").substr(4, 8));
  EXPECT_EQ(answer.raw_output_contents(1), "abcdefgh");
  request.add_raw_input_contents("abcdefgh");
  EXPECT_THAT(ErrorOf(Infer(request)).message(),
              HasSubstr("expected 1 raw_input_contents, one for each input not in shared memory, "
                        "got 2"));
  request.clear_raw_input_contents();
  request.mutable_inputs(1)->mutable_contents()->add_fp32_contents(7);
  request.mutable_inputs(1)->mutable_contents()->add_fp32_contents(8);
  EXPECT_EQ(Only<ModelInferResponse>(Infer(request)).raw_output_contents_size(), 2);
}

TEST_F(SharedMemoryMethodsTest, SaysWhatIsWrongWithAnInput) {
  RegisterBoth();
  const auto refused = [&](auto&& change, StatusCode code = StatusCode::kInvalidArgument) {
    ModelInferRequest request = Two();
    change(*request.mutable_inputs(0));
    const base::Status status = ErrorOf(Infer(request));
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(status.message(), HasSubstr("input 'x': "));
    return status.message();
  };
  const auto without = [&](const char* name) {
    return refused([&](auto& input) { input.mutable_parameters()->erase(name); });
  };
  EXPECT_THAT(without("shared_memory_byte_size"), HasSubstr("byte_size' is missing"));
  EXPECT_THAT(without("shared_memory_region"), HasSubstr("region' is missing"));
  EXPECT_THAT(refused([](auto& input) {
                (*input.mutable_parameters())["shared_memory_byte_size"].set_string_param("8");
              }),
              HasSubstr("expected uint64_param or int64_param, got string_param"));
  EXPECT_THAT(refused([](auto& input) { Share(input, "i", 8, -1); }),
              HasSubstr("an integer of at least 0"));
  EXPECT_THAT(refused([](auto& input) { Share(input, "i", 12); }), HasSubstr("but FP32[1,2] has"));
  EXPECT_THAT(refused([](auto& input) { Share(input, "i", 8, 12); }),
              HasSubstr("do not lie inside region 'i'"));
  EXPECT_THAT(refused([](auto& input) { Share(input, "q", 8); }, StatusCode::kNotFound),
              HasSubstr("'q' is not registered"));
  EXPECT_THAT(refused([](auto& input) { input.mutable_contents()->add_fp32_contents(1); }),
              HasSubstr("expected shared memory or contents, got both"));
}

TEST_F(SharedMemoryMethodsTest, SaysWhatIsWrongWithAnOutput) {
  RegisterBoth();
  ModelInferRequest request = Two();
  auto* output = request.add_outputs();
  output->set_name("y");
  Share(*output, "o", 7);
  const base::Status small = ErrorOf(Infer(request));
  EXPECT_EQ(small.code(), StatusCode::kInternal);
  EXPECT_THAT(small.message(),
              HasSubstr("output 'y': has 8 bytes, but shared_memory_byte_size is 7"));
  Share(*output, "o", 8);
  Truncate("out", 0);
  EXPECT_THAT(ErrorOf(Infer(request)).message(), HasSubstr("the shared memory object is smaller"));
  (*output->mutable_parameters())["classification"].set_int64_param(1);
  EXPECT_THAT(ErrorOf(Infer(request)).message(), HasSubstr("classifications go into the answer"));
  Share(*output, "q", 8);
  output->mutable_parameters()->erase("classification");
  EXPECT_EQ(ErrorOf(Infer(request)).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace slipway::frontend::grpc

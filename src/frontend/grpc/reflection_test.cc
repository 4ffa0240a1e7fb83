#include "frontend/grpc/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpc/reflection/v1/reflection.pb.h>
#include <inference/grpc_service.pb.h>

#include <set>
#include <string>

#include "frontend/grpc/descriptor_set.h"
#include "frontend/grpc/method_table.h"
#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using ::grpc::reflection::v1::ServerReflectionRequest;
using ::grpc::reflection::v1::ServerReflectionResponse;

class ReflectionTest : public GrpcFixture {
 protected:
  static constexpr std::string_view kPath =
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

  ServerReflectionResponse Ask(const ServerReflectionRequest& request) {
    return Only<ServerReflectionResponse>(Call(kPath, request));
  }
  ServerReflectionResponse AskSymbol(const std::string& symbol) {
    ServerReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    return Ask(request);
  }
};

TEST_F(ReflectionTest, ListsServices) {
  ServerReflectionRequest request;
  request.set_host("here");
  request.set_list_services("");
  const auto answer = Ask(request);
  EXPECT_EQ(answer.valid_host(), "here");
  EXPECT_EQ(answer.original_request().SerializeAsString(), request.SerializeAsString());
  std::vector<std::string> names;
  for (const auto& service : answer.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_THAT(names,
              testing::UnorderedElementsAre(
                  "inference.GRPCInferenceService", "grpc.health.v1.Health",
                  "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                  "inference.model_repository.ModelRepositoryService",
                  "org.pytorch.serve.grpc.openinference.GRPCInferenceService"));
}

// What a client does: it builds the service from the files alone.
TEST_F(ReflectionTest, FilesAreCompleteForAClient) {
  for (const char* symbol :
       {"inference.GRPCInferenceService", "inference.GRPCInferenceService.ModelInfer",
        "inference.ModelInferRequest.InferInputTensor", "inference.TYPE_FP32",
        "inference.ModelInferRequest.model_name",
        "inference.model_repository.ModelRepositoryService", "grpc.health.v1.Health"}) {
    SCOPED_TRACE(symbol);
    const auto answer = AskSymbol(symbol);
    google::protobuf::DescriptorPool pool;
    const auto& files = answer.file_descriptor_response().file_descriptor_proto();
    ASSERT_GT(files.size(), 0);
    for (int i = files.size() - 1; i >= 0; --i) {
      google::protobuf::FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(files[i]));
      ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
    }
    EXPECT_NE(pool.FindFileContainingSymbol(symbol), nullptr);
  }
}

TEST_F(ReflectionTest, FindsFilesByName) {
  ServerReflectionRequest request;
  request.set_file_by_filename("inference/model_config.proto");
  const auto answer = Ask(request);
  ASSERT_EQ(answer.file_descriptor_response().file_descriptor_proto_size(), 1);
  google::protobuf::FileDescriptorProto file;
  ASSERT_TRUE(file.ParseFromString(answer.file_descriptor_response().file_descriptor_proto(0)));
  EXPECT_EQ(file.name(), "inference/model_config.proto");
}

TEST_F(ReflectionTest, SaysWhatIsNotThere) {
  EXPECT_EQ(AskSymbol("inference.Nothing").error_response().error_code(), 5);
  ServerReflectionRequest request;
  request.set_file_by_filename("nothing.proto");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_all_extension_numbers_of_type("inference.ModelInferRequest");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.mutable_file_containing_extension()->set_extension_number(5);
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.Clear();
  EXPECT_EQ(Ask(request).error_response().error_code(), 3);
}

TEST_F(ReflectionTest, AnswersManyRequestsOfOneStreamAndTheOldName) {
  FakeGrpcCall& call = Open("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  ServerReflectionRequest request;
  request.set_list_services("");
  call.writable = false;
  Send(call, request);
  Send(call, request);
  EXPECT_EQ(call.messages.size(), 1U);
  call.BecomeWritable();
  EXPECT_EQ(call.messages.size(), 2U);
  call.EndMessages();
  EXPECT_TRUE(call.status->ok());
  FakeGrpcCall& broken = Open(kPath);
  broken.SendMessage("\xff");
  EXPECT_EQ(ErrorOf(broken).code(), base::StatusCode::kInvalidArgument);
  FakeGrpcCall& cancelled = Open(kPath);
  cancelled.Cancel();
  EXPECT_EQ(ErrorOf(cancelled).code(), base::StatusCode::kCancelled);
}

// The table of methods and proto/ say the same.
TEST_F(ReflectionTest, EveryDeclaredMethodIsAnsweredAndNoOther) {
  google::protobuf::FileDescriptorSet set;
  const auto bytes = DescriptorSet();
  ASSERT_TRUE(set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  std::set<std::string> declared;
  for (const auto& file : set.file()) {
    for (const auto& service : file.service()) {
      for (const auto& method : service.method()) {
        const std::string path =
            base::StrCat("/", file.package(), ".", service.name(), "/", method.name());
        declared.insert(path);
        const Method* const ours = FindMethod(path);
        ASSERT_NE(ours, nullptr) << path;
        const bool streams = method.client_streaming() || method.server_streaming();
        const bool unary = ours->kind == Method::Kind::kUnary || ours->kind == Method::Kind::kInfer;
        EXPECT_NE(streams, unary) << path;
      }
    }
  }
  for (const Method& method : Methods()) {
    EXPECT_TRUE(declared.contains(std::string(method.path))) << method.path;
  }
}

TEST_F(ReflectionTest, UnknownMethodsAreRefused) {
  FakeGrpcCall call("/inference.GRPCInferenceService/Nothing");
  EXPECT_FALSE(call.Begin(front_end_));
}

}  // namespace
}  // namespace slipway::frontend::grpc

// Asks a server through grpc++: one call, a stream, a call that fails, calls side by side and one
// that is given up.
//
//   grpc_cpp_client HOST:PORT MODEL INPUT < 30 floats, whatever shape the model takes: [1,30]
//   grpc_cpp_client HOST:PORT MODEL INPUT CA.pem      the same inside TLS
//
// Prints one line for each: NAME=VALUE, for tests/e2e/grpc_clients_test.py to read. Exit status 1
// when the first call fails.

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "inference/grpc_service.grpc.pb.h"

namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

constexpr int kMessages = 50;
constexpr int kCalls = 200;

ModelInferRequest MakeRequest(const std::string& model, const std::string& input,
                              const std::vector<float>& values) {
  ModelInferRequest request;
  request.set_model_name(model);
  auto* tensor = request.add_inputs();
  tensor->set_name(input);
  tensor->set_datatype("FP32");
  tensor->add_shape(1);
  tensor->add_shape(static_cast<int64_t>(values.size()));
  request.add_raw_input_contents()->assign(reinterpret_cast<const char*>(values.data()),
                                           values.size() * sizeof(float));
  return request;
}

std::string FirstOutput(const ModelInferResponse& response) {
  if (response.raw_output_contents_size() == 0) return "none";
  float value = 0;
  std::memcpy(&value, response.raw_output_contents(0).data(), sizeof(value));
  std::ostringstream out;
  out.precision(9);
  out << value;
  return out.str();
}

// How many of the messages of a stream came back, in their order.
int Stream(GRPCInferenceService::Stub& stub, ModelInferRequest request) {
  grpc::ClientContext context;
  const auto stream = stub.ModelStreamInfer(&context);
  for (int i = 0; i < kMessages; ++i) {
    request.set_id(std::to_string(i));
    stream->Write(request);
  }
  stream->WritesDone();
  int in_order = 0;
  for (inference::ModelStreamInferResponse response; stream->Read(&response);) {
    if (response.infer_response().id() == std::to_string(in_order)) ++in_order;
  }
  return stream->Finish().ok() ? in_order : -1;
}

// How many of the calls that were in flight together were answered.
int SideBySide(GRPCInferenceService::Stub& stub, const ModelInferRequest& request) {
  struct Call {
    grpc::ClientContext context;
    ModelInferResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<ModelInferResponse>> reader;
  };
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kCalls; ++i) {
    auto& call = calls.emplace_back(std::make_unique<Call>());
    call->reader = stub.AsyncModelInfer(&call->context, request, &queue);
    call->reader->Finish(&call->response, &call->status, call.get());
  }
  int answered = 0;
  for (int i = 0; i < kCalls; ++i) {
    void* tag = nullptr;
    bool ok = false;
    if (queue.Next(&tag, &ok) && ok && static_cast<Call*>(tag)->status.ok()) ++answered;
  }
  return answered;
}

grpc::Status AskUnknownModel(GRPCInferenceService::Stub& stub, ModelInferRequest request) {
  request.set_model_name("no_such_model");
  grpc::ClientContext context;
  ModelInferResponse response;
  return stub.ModelInfer(&context, request, &response);
}

grpc::Status AskTooLate(GRPCInferenceService::Stub& stub, const ModelInferRequest& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  ModelInferResponse response;
  return stub.ModelInfer(&context, request, &response);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const char* authority) {
  if (authority == nullptr) return grpc::InsecureChannelCredentials();
  std::ifstream file(authority);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  return grpc::SslCredentials(options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: grpc_cpp_client HOST:PORT MODEL INPUT [CA.pem] < values\n";
    return 2;
  }
  const std::vector<float> values(std::istream_iterator<float>(std::cin), {});
  const auto channel = grpc::CreateChannel(argv[1], Credentials(argc > 4 ? argv[4] : nullptr));
  const auto stub = GRPCInferenceService::NewStub(channel);
  const ModelInferRequest request = MakeRequest(argv[2], argv[3], values);

  grpc::ClientContext context;
  ModelInferResponse response;
  const grpc::Status status = stub->ModelInfer(&context, request, &response);
  if (!status.ok()) {
    std::cerr << status.error_code() << " " << status.error_message() << "\n";
    return 1;
  }
  std::cout << "version=" << response.model_version() << "\n"
            << "output=" << FirstOutput(response) << "\n"
            << "stream=" << Stream(*stub, request) << "\n"
            << "side_by_side=" << SideBySide(*stub, request) << "\n";
  const grpc::Status unknown = AskUnknownModel(*stub, request);
  std::cout << "unknown=" << unknown.error_code() << " " << unknown.error_message() << "\n"
            << "late=" << AskTooLate(*stub, request).error_code() << "\n";
  return 0;
}

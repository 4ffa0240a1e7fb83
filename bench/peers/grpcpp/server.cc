// SPDX-License-Identifier: Apache-2.0
// The Open Inference protocol's ModelInfer on grpc++, in each of its three styles, as its
// documentation writes them: server sync|async|callback REPOSITORY PORT
#include <grpcpp/grpcpp.h>

#include <cstring>
#include <string>

#include "inference/grpc_service.grpc.pb.h"
#include "models.h"

using grpc::Status;
using grpc::StatusCode;
using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

namespace {

void AddOutput(const std::string& name, const Ort::Value& value, ModelInferResponse* response) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  const bool is_float = info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  auto* output = response->add_outputs();
  output->set_name(name);
  output->set_datatype(is_float ? "FP32" : "INT64");
  for (const int64_t dim : info.GetShape()) output->add_shape(dim);
  response->add_raw_output_contents(value.GetTensorRawData(),
                                    info.GetElementCount() * (is_float ? 4 : 8));
}

Status Infer(Models& models, const ModelInferRequest& request, ModelInferResponse* response) {
  try {
    if (request.raw_input_contents_size() != 1) {
      return {StatusCode::INVALID_ARGUMENT, "expected one raw tensor"};
    }
    const std::string& raw = request.raw_input_contents(0);
    Model& model = models.at(request.model_name());
    const std::vector<Ort::Value> values =
        model.Run({reinterpret_cast<const float*>(raw.data()), raw.size() / sizeof(float)});
    response->set_model_name(request.model_name());
    response->set_model_version("1");
    response->set_id(request.id());
    for (size_t i = 0; i < values.size(); ++i) AddOutput(model.outputs[i], values[i], response);
    return Status::OK;
  } catch (const std::invalid_argument& e) {
    return {StatusCode::INVALID_ARGUMENT, e.what()};
  } catch (const std::out_of_range& e) {
    return {StatusCode::NOT_FOUND, e.what()};
  } catch (const std::exception& e) {
    return {StatusCode::INTERNAL, e.what()};
  }
}

std::unique_ptr<grpc::Server> Start(grpc::ServerBuilder& builder, grpc::Service& service,
                                    const std::string& port) {
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.AddListeningPort("127.0.0.1:" + port, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) throw std::runtime_error("cannot listen on port " + port);
  return server;
}

class SyncService final : public GRPCInferenceService::Service {
 public:
  explicit SyncService(Models& models) : models_(models) {}
  Status ModelInfer(grpc::ServerContext*, const ModelInferRequest* request,
                    ModelInferResponse* response) override {
    return Infer(models_, *request, response);
  }

 private:
  Models& models_;
};

// One completion queue, since there is one core; its threads are grpc++'s own.
void ServeSync(Models& models, const std::string& port) {
  SyncService service(models);
  grpc::ServerBuilder builder;
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  Start(builder, service, port)->Wait();
}

class CallbackService final : public GRPCInferenceService::CallbackService {
 public:
  explicit CallbackService(Models& models) : models_(models) {}
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const ModelInferRequest* request,
                                       ModelInferResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(Infer(models_, *request, response));
    return reactor;
  }

 private:
  Models& models_;
};

void ServeCallback(Models& models, const std::string& port) {
  CallbackService service(models);
  grpc::ServerBuilder builder;
  Start(builder, service, port)->Wait();
}

// One call of the asynchronous style, from waiting for a client to the end of the answer. Owns
// itself.
class AsyncCall {
 public:
  AsyncCall(Models& models, GRPCInferenceService::AsyncService& service,
            grpc::ServerCompletionQueue& queue)
      : models_(models), service_(service), queue_(queue), responder_(&context_) {
    service_.RequestModelInfer(&context_, &request_, &responder_, &queue_, &queue_, this);
  }

  void Proceed(bool ok) {
    if (!ok || answered_) {
      delete this;
      return;
    }
    new AsyncCall(models_, service_, queue_);
    const Status status = Infer(models_, request_, &response_);
    answered_ = true;
    responder_.Finish(response_, status, this);
  }

 private:
  Models& models_;
  GRPCInferenceService::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  ModelInferRequest request_;
  ModelInferResponse response_;
  grpc::ServerAsyncResponseWriter<ModelInferResponse> responder_;
  bool answered_ = false;
};

// One thread, since there is one core, and 64 calls that wait for clients.
void ServeAsync(Models& models, const std::string& port) {
  GRPCInferenceService::AsyncService service;
  grpc::ServerBuilder builder;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = Start(builder, service, port);
  for (int i = 0; i < 64; ++i) new AsyncCall(models, service, *queue);
  void* tag = nullptr;
  for (bool ok = false; queue->Next(&tag, &ok);) static_cast<AsyncCall*>(tag)->Proceed(ok);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string style = argc == 4 ? argv[1] : "";
  try {
    if (style == "sync" || style == "async" || style == "callback") {
      Models models(argv[2]);
      (style == "sync"    ? ServeSync
       : style == "async" ? ServeAsync
                          : ServeCallback)(models, argv[3]);
      return 0;
    }
    fprintf(stderr, "server sync|async|callback REPOSITORY PORT\n");
  } catch (const std::exception& e) {
    fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}

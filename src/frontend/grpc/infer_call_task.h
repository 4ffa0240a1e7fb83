#pragma once

#include "base/status.h"
#include "frontend/grpc/infer_message.h"
#include "frontend/grpc/infer_message_decoder.h"
#include "frontend/grpc/pools.h"
#include "frontend/openinference/model_task.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

// One ModelInferRequest, unary or one of a stream: from its message to what is to be sent. Used
// again and again; the loop's thread only.
class MessageTask : public openinference::ModelTask {
 protected:
  explicit MessageTask(const CallServices& services)
      : ModelTask({.dispatcher = services.front.dispatcher,
                   .clock = services.front.clock,
                   .log = services.front.log,
                   .shared_memory = services.front.shared_memory,
                   .tracer = services.front.tracer},
                  monitor::Protocol::kGrpc),
        call_services_(services) {}

  // Reads message_, finds the model and decodes the inputs. On an error `model` is set if the
  // failure is to be counted as one of that model.
  base::Status Decode(const net::GrpcRequest& call, const RequestIds& ids);
  // Submits the decoded call to its model's lane.
  void Submit() { call_services_.front.dispatcher.Submit(*this); }
  void Recycle();

  net::GrpcMessage message_;
  InferMessage request_message_;

 private:
  base::Status FindModelOf(const InferMessage& message);

  const CallServices& call_services_;
  InferMessageDecoder decoder_;
};

// One call of ModelInfer.
//
//   Take() -> Start() -> OnMessage() -> OnEndOfMessages(): decode, submit
//          -> OnDone(): encode, send, record -> pool
class InferCallTask final : public MessageTask, public net::GrpcReceiver {
 public:
  explicit InferCallTask(InferCallPool& pool);

  void Start(net::GrpcCall& call) { call_ = &call; }
  void OnMessage(net::GrpcMessage message) override;
  void OnEndOfMessages() override;
  void OnCancelled() override;
  void OnDone() override;
  void Recycle();

 private:
  void Finish(const base::Status& done);
  void AddMetadata();

  InferCallPool& pool_;
  net::GrpcCall* call_ = nullptr;
  int messages_ = 0;
  bool submitted_ = false;
};

}  // namespace slipway::frontend::grpc

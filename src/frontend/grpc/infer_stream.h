#pragma once

#include <cstddef>

#include "base/status.h"
#include "frontend/grpc/infer_call_task.h"
#include "frontend/grpc/pools.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

class InferStream;

// One request of a stream, from its message until its response has been sent in its turn.
class StreamTask final : public MessageTask {
 public:
  explicit StreamTask(StreamTaskPool& pool);

  // Answers `stream` now or later with stream.OnTaskDone().
  void Run(InferStream& stream, net::GrpcMessage message);
  void OnDone() override;
  void Recycle();

 private:
  friend class InferStream;
  void Complete(base::Status done);

  InferStream* stream_ = nullptr;
  StreamTask* next_ = nullptr;  // in the order of the requests
  bool done_ = false;
  base::Status result_;
  net::GrpcReply made_;  // a ModelInferResponse, when result_ is OK
};

// One call of ModelStreamInfer. Responses go in the order of the requests; a request that fails is
// answered with an error_message and ends nothing, unless the client's metadata says
// triton_grpc_error: true, when the first failure ends the stream with its status.
//
// What a stream may hold is bounded: kMaxRunning requests run at a time, and none is begun while
// the client does not read; no more messages are taken meanwhile. Source: Triton,
// grpc_service.proto.
class InferStream final : public net::GrpcReceiver {
 public:
  static constexpr size_t kMaxRunning = 64;

  explicit InferStream(InferStreamPool& pool) : pool_(pool) {}

  void Start(net::GrpcCall& call, StreamTaskPool& tasks);
  void OnMessage(net::GrpcMessage message) override;
  void OnEndOfMessages() override;
  void OnWritable() override;
  void OnCancelled() override;
  void OnTaskDone();
  void Recycle();

 private:
  friend class StreamTask;
  // Sends whatever is its turn, and ends what is over.
  void Pump();
  void SendFirst();
  void HoldIfFull();
  void DropFirst();
  void End(const base::Status& status);

  InferStreamPool& pool_;
  StreamTaskPool* tasks_ = nullptr;
  net::GrpcCall* call_ = nullptr;  // nullptr once the call has ended
  RequestIds ids_;
  bool fail_fast_ = false;  // triton_grpc_error
  bool ended_ = false;      // the client has sent its last message
  bool blocked_ = false;    // the client does not read
  bool held_ = false;       // no more messages are taken
  bool starting_ = false;   // a task is being begun: it may be done at once
  size_t running_ = 0;      // tasks in the list
  StreamTask* first_ = nullptr;
  StreamTask* last_ = nullptr;
};

}  // namespace slipway::frontend::grpc

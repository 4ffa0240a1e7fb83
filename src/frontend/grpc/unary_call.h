#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "frontend/grpc/pools.h"
#include "frontend/model_control.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

// One call of a method with one message each way, but for ModelInfer. Used again and again; the
// loop's thread only.
//
//   Take() -> Start() -> OnMessage() -> OnEndOfMessages(): the method's function
//          -> Finish(), then or later -> pool
class UnaryCall final : public net::GrpcReceiver {
 public:
  // Answers the call with Finish() before it returns, or through FinishLater().
  using Answer = void (*)(UnaryCall& call);

  explicit UnaryCall(UnaryCallPool& pool) : pool_(pool) {}

  void Start(net::GrpcCall& call, Answer answer);
  void OnMessage(net::GrpcMessage message) override;
  void OnEndOfMessages() override;
  void OnCancelled() override;
  void Recycle();

  // --- for the methods ---

  const Services& services() const { return pool_.services().front; }
  const ProtoSchema& schema() const { return pool_.services().schema; }
  std::string_view peer() const { return call_->request().peer; }
  std::span<std::byte> message() { return message_.bytes; }
  // The answer's message, sent if all goes well.
  std::string& reply() { return call_->reply().body; }
  void AddMetadata(std::string_view name, std::string_view value) {
    call_->AddMetadata(name, value);
  }
  void Finish(const base::Status& status);
  // Finishes the call on its loop once it is called, on whatever thread.
  ModelControl::Done FinishLater();

 private:
  UnaryCallPool& pool_;
  net::GrpcCall* call_ = nullptr;
  Answer answer_ = nullptr;
  net::GrpcMessage message_;
  int messages_ = 0;
  bool answering_ = false;
};

}  // namespace slipway::frontend::grpc

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/grpc/pools.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

// Writes the ServerReflectionResponse to a ServerReflectionRequest; the messages of v1 and v1alpha
// are the same. kInvalidArgument for a message that is none.
base::Status AnswerReflection(const ProtoSchema& schema, std::span<const std::byte> request,
                              std::string& response);

// One call of ServerReflectionInfo: answers each request in turn.
class ReflectionCall final : public net::GrpcReceiver {
 public:
  explicit ReflectionCall(ReflectionCallPool& pool) : pool_(pool) {}

  void Start(net::GrpcCall& call) { call_ = &call; }
  void OnMessage(net::GrpcMessage message) override;
  void OnEndOfMessages() override;
  void OnWritable() override;
  void OnCancelled() override;
  void Recycle();

 private:
  void End(const base::Status& status);

  ReflectionCallPool& pool_;
  net::GrpcCall* call_ = nullptr;
};

}  // namespace slipway::frontend::grpc

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/body_collector.h"
#include "net/buffer_pool.h"
#include "net/grpc_call.h"
#include "net/grpc_wire.h"
#include "net/http2_stream.h"

namespace slipway::net {

// One gRPC call over HTTP/2: messages in and out, metadata, deadline, status.
//
//   kNew --OnCall()--> kOpen --Finish()--> kFinished
//     `--refused, no such method--------------^
//
// When the call ends for another reason (the client cancelled, its deadline passed, a message was
// refused), cancelled_ is set and the receiver told; a status of ours is sent at once, and the
// handler's Finish() only moves it to kFinished.
class Http2GrpcCall final : public GrpcCall, public Http2Stream {
 public:
  const GrpcRequest& request() const override { return request_; }
  EventLoop& loop() override;
  void AddMetadata(std::string_view name, std::string_view value) override;
  GrpcReply& reply() override { return reply_; }
  bool Send() override;
  void HoldMessages(bool hold) override;
  void Finish(const base::Status& status) override;
  bool cancelled() const override { return cancelled_; }

  // For its pool.
  void Reset();
  void ForgetReceiver() { receiver_ = nullptr; }

 private:
  enum class State : uint8_t { kNew, kOpen, kFinished };
  static constexpr size_t kMaxUnsentBytes = 1024 * 1024;
  struct Metadata {
    std::string_view name;
    std::string value;
  };

  void OnHead() override;
  void OnData(std::string_view bytes) override;
  std::span<std::byte> DataRoom() override;
  void OnEnd() override;
  void OnGone() override;
  void Refuse(const HttpError& error) override;
  bool OnAttention() override;
  bool wants_attention() const override { return want_writable_ || resume_; }
  bool SubmitTrailers() override;
  bool in_use() const override { return state_ == State::kOpen; }
  base::SteadyTime InputDeadline() const override;
  void OnInputDeadline() override;
  void GiveBack() override;
  bool StopsClientAtOnce() const override { return true; }

  // From the client.
  base::Status ReadHead();
  bool taking_messages() const { return state_ == State::kOpen && !cancelled_; }
  // Takes messages from the front of `bytes` until the call is over or held.
  void TakeMessages(std::string_view& bytes);
  base::Status BeginMessage();
  base::Status AddToMessage(std::string_view bytes);
  base::Status CompleteMessage();
  void KeepForLater(std::string_view bytes);
  void DropInput();
  void MaybeEndMessages();

  // To the client.
  void SendHead();
  void SendStatus(const base::Status& status);
  void AddStatusFields(std::vector<nghttp2_nv>& fields);
  bool CompressReply();
  // Ends the call for a reason of ours; the handler is told.
  void Cancel(const base::Status& status);
  void TellCancelled();

  State state_ = State::kNew;
  GrpcRequest request_;
  GrpcReceiver* receiver_ = nullptr;
  bool cancelled_ = false;
  bool end_told_ = false;  // OnEndOfMessages()
  bool held_ = false;
  bool resume_ = false;  // no longer held, the backlog waits for the next turn
  bool want_writable_ = false;
  bool gzip_requests_ = false;  // grpc-encoding
  bool gzip_answers_ = false;

  // The message that is coming.
  std::array<char, GrpcPrefix::kBytes> prefix_bytes_{};
  size_t prefix_size_ = 0;
  GrpcPrefix prefix_;
  size_t message_received_ = 0;  // bytes of it, as sent
  PooledBuffer message_;
  std::unique_ptr<BodyCollector> collector_;  // of compressed ones; made when first needed
  base::SteadyTime message_since_;

  PooledBuffer backlog_;  // what came while held, not parsed yet
  size_t backlog_size_ = 0;

  std::vector<Metadata> metadata_;
  GrpcReply reply_;
  char status_code_[4] = {};
  size_t status_code_size_ = 0;
  std::string status_message_;  // percent-encoded
};

}  // namespace slipway::net

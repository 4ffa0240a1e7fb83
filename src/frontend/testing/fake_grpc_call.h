#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/grpc_call.h"

namespace slipway::frontend {

// A gRPC call without a network; keeps what is answered, and is strict about how.
class FakeGrpcCall final : public net::GrpcCall {
 public:
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  explicit FakeGrpcCall(std::string_view path, Metadata metadata = {})
      : path_(path), sent_metadata_(std::move(metadata)) {
    for (const auto& [name, value] : sent_metadata_) views_.push_back({name, value});
    request_.path = path_;
    request_.metadata = views_;
    request_.peer = "unix";
  }

  const net::GrpcRequest& request() const override { return request_; }
  net::EventLoop& loop() override { base::CheckFailed(__FILE__, __LINE__, "a fake has no loop"); }
  void AddMetadata(std::string_view name, std::string_view value) override {
    SLIPWAY_CHECK(messages.empty() && !status);
    metadata_.emplace_back(name, value);
  }
  net::GrpcReply& reply() override { return reply_; }
  bool Send() override {
    SLIPWAY_CHECK(!status);
    std::string& message = messages.emplace_back(reply_.body);
    for (const base::Buffer& piece : reply_.tail) {
      message.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    pieces = reply_.tail.size();
    reply_.body.clear();
    reply_.tail.clear();
    return writable;
  }
  void HoldMessages(bool hold) override { held_ = hold; }
  void Finish(const base::Status& done) override {
    SLIPWAY_CHECK(!status);
    SLIPWAY_CHECK(reply_.body.empty() && reply_.tail.empty());
    status = done;
  }
  bool cancelled() const override { return cancelled_; }

  // --- the client's side ---

  // The call has come to `handler`. False when it has no such method.
  bool Begin(net::GrpcHandler& handler) {
    receiver_ = handler.OnCall(*this);
    return receiver_ != nullptr;
  }
  // `lead` bytes lie before the message, to place it at any address. What comes after the end of
  // the call is dropped; while messages are held, they wait for Deliver().
  void SendMessage(std::string_view message, base::SteadyTime at = {}, size_t lead = 0) {
    auto& memory = memory_.emplace_back(std::make_unique<std::string>(lead, '\0'));
    memory->append(message).append(64, '\x7f');
    const std::span<char> bytes(memory->data() + lead, message.size());
    coming_.push_back({.storage = {},
                       .bytes = std::as_writable_bytes(bytes),
                       .first_byte_at = at,
                       .complete_at = at});
    Deliver();
  }
  void EndMessages() {
    ended_ = true;
    Deliver();
  }
  void Deliver() {
    while (!held_ && !status && !coming_.empty()) {
      net::GrpcMessage message = std::move(coming_.front());
      coming_.pop_front();
      receiver_->OnMessage(std::move(message));
    }
    if (ended_ && !held_ && !status && !std::exchange(end_told_, true)) {
      receiver_->OnEndOfMessages();
    }
  }
  void Cancel() {
    cancelled_ = true;
    receiver_->OnCancelled();
  }
  void BecomeWritable() {
    writable = true;
    receiver_->OnWritable();
    Deliver();
  }
  void set_peer(std::string_view peer) { request_.peer = peer; }
  void set_deadline(base::SteadyTime at) { request_.deadline.at = at; }
  // The metadata of the answer; "" when there is none of that name.
  std::string MetadataOf(std::string_view name) const {
    for (const auto& [key, value] : metadata_) {
      if (key == name) return value;
    }
    return "";
  }

  std::vector<std::string> messages;   // sent to the client
  std::optional<base::Status> status;  // once the call is over
  size_t pieces = 0;                   // of the last message, behind its body
  bool writable = true;                // what Send() returns

 private:
  const std::string path_;
  const Metadata sent_metadata_;
  std::vector<net::HttpHeader> views_;
  net::GrpcRequest request_;
  net::GrpcReply reply_;
  Metadata metadata_;
  net::GrpcReceiver* receiver_ = nullptr;
  std::vector<std::unique_ptr<std::string>> memory_;
  std::deque<net::GrpcMessage> coming_;
  bool held_ = false;
  bool ended_ = false;
  bool end_told_ = false;
  bool cancelled_ = false;
};

}  // namespace slipway::frontend

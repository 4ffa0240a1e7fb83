#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "net/body_collector.h"
#include "net/buffer_pool.h"
#include "net/exchange.h"
#include "net/http2_stream.h"
#include "net/response_coding.h"

namespace slipway::net {

// One HTTP request over HTTP/2 and its answer, for the same handlers as HTTP/1.1.
//
//   kReceiving --whole request--> kWaiting --BeginStream()--> kStreaming
//        `--error of ours--> kAnswered <--Send()--'   `--EndStream()--> kAnswered
class Http2Exchange final : public Exchange, public Http2Stream {
 public:
  const HttpRequest& request() const override { return request_; }
  EventLoop& loop() override;
  HttpResponse& response() override { return response_; }
  void Send() override;
  void BeginStream() override;
  bool WriteStream(std::string_view piece) override;
  void EndStream() override;
  void set_on_writable(std::function<void()> callback) override {
    on_writable_ = std::move(callback);
  }
  void set_on_client_gone(OnClientGone callback) override { on_client_gone_ = std::move(callback); }
  bool client_gone() const override { return closed(); }

  // For its pool.
  void Reset();
  void ForgetCallbacks() { on_client_gone_ = on_writable_ = nullptr; }

 private:
  enum class State : uint8_t { kReceiving, kWaiting, kStreaming, kAnswered };
  static constexpr size_t kMaxUnsentStreamBytes = 256 * 1024;

  void OnHead() override;
  void OnData(std::string_view bytes) override;
  std::span<std::byte> DataRoom() override;
  void OnEnd() override;
  void OnGone() override;
  void Refuse(const HttpError& error) override;
  bool OnAttention() override;
  bool wants_attention() const override { return want_writable_; }
  bool SubmitTrailers() override { return false; }
  bool in_use() const override { return state_ == State::kWaiting || state_ == State::kStreaming; }
  base::SteadyTime InputDeadline() const override;
  void OnInputDeadline() override;
  void GiveBack() override;
  // Some clients (curl before 8) take a reset for a failure while they are still sending, and show
  // no answer. They may go on for a while, into nothing.
  bool StopsClientAtOnce() const override { return false; }

  HttpError PlanBody();
  HttpError AddToBody(std::string_view bytes);
  void Fail(const HttpError& error);
  void Dispatch();
  // `stream`: the length of the body is not known yet.
  void SendHead(const ResponseCoding& coding, bool stream);
  bool answer_has_body() const;
  void TakeResponseBody();
  void OnAnswered();

  State state_ = State::kReceiving;
  HttpRequest request_;
  HttpResponse response_;
  bool collecting_ = false;  // in collector_, else in body_
  bool want_writable_ = false;
  std::unique_ptr<BodyCollector> collector_;  // made when first needed
  PooledBuffer body_;
  size_t body_size_ = 0;
  size_t received_ = 0;          // bytes of the body, as sent
  base::SteadyTime body_since_;  // or the answer was given
  // What an empty body points to, so that a parser may read ahead.
  std::array<std::byte, BufferPool::kPadding> padding_{};
  OnClientGone on_client_gone_;
  std::function<void()> on_writable_;
};

}  // namespace slipway::net

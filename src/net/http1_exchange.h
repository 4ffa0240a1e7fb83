#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/buffer_pool.h"
#include "net/exchange.h"
#include "net/http1_parser.h"
#include "net/response_coding.h"

namespace slipway::net {

class Http1Connection;
struct IoContext;

// One HTTP/1 request and its answer. Reused: it belongs to the Http1ExchangePool of its loop, and
// its vectors and strings keep their memory.
//
//   kReceiving --whole request--> kWaiting --BeginStream()--> kStreaming
//        `--error of ours--> kAnswered <--Send()--'   `--EndStream()--> kAnswered --written--> pool
//
// The connection moves it through the states and holds it in its pipeline, in order of arrival.
class Http1Exchange final : public Exchange {
 public:
  enum class State : uint8_t { kReceiving, kWaiting, kStreaming, kAnswered };

  const HttpRequest& request() const override { return request_; }
  EventLoop& loop() override;
  HttpResponse& response() override { return response_; }
  void Send() override;
  void BeginStream() override;
  bool WriteStream(std::string_view piece) override;
  void EndStream() override;
  void set_on_writable(std::function<void()> callback) override;
  void set_on_client_gone(OnClientGone callback) override { on_client_gone_ = std::move(callback); }
  bool client_gone() const override { return client_gone_; }

 private:
  friend class Http1Connection;
  friend class Http1ExchangePool;
  static constexpr size_t kMaxUnsentStreamBytes = 256 * 1024;
  static constexpr size_t kCopiedBodyBytes = 16 * 1024;  // smaller bodies join the head

  void Start(Http1Connection& connection);
  void Reset();
  IoContext& io();
  // Whether the connection ends after this answer; decided when the head is written.
  bool DecideClose();
  void AppendHead(const ResponseCoding& coding, bool stream);
  void AppendChunk(std::string_view piece);
  void ReleaseRequest();

  // Unsent bytes as up to `room` pieces; the number of them.
  size_t Gather(iovec* pieces, size_t room) const;
  size_t unsent_bytes() const;
  // `bytes` more were written.
  void Consume(size_t bytes);
  bool HasUnsent() const { return unsent_bytes() > 0; }
  bool answered() const { return state_ == State::kAnswered; }
  bool refused() const { return response_.status == 429; }

  Http1Connection* connection_ = nullptr;
  Http1Exchange* next_ = nullptr;  // in the pipeline
  State state_ = State::kReceiving;
  bool close_after_ = false;
  bool client_gone_ = false;
  bool want_writable_ = false;  // WriteStream() returned false and nobody was called yet
  bool body_suppressed_ = false;
  RequestHead head_;
  HttpRequest request_;
  HttpResponse response_;
  PooledBuffer body_;  // the request's, when it is not in the connection's read block
  std::string out_;    // what goes before response_.body: an interim answer, the head, small bodies
  size_t sent_ = 0;    // bytes written of out_, response_.body and response_.tail
  OnClientGone on_client_gone_;
  std::function<void()> on_writable_;
};

// Owns the exchanges of one event loop. Thread-compatible.
class Http1ExchangePool {
 public:
  Http1Exchange& Take();
  void Give(Http1Exchange& exchange);
  // Drops what handlers hung onto exchanges that are still open.
  void ForgetCallbacks();

 private:
  std::vector<std::unique_ptr<Http1Exchange>> all_;
  std::vector<Http1Exchange*> free_;
};

}  // namespace slipway::net

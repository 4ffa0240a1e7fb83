#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench/socket.h"
#include "app/bench/wire.h"
#include "net/http2_client_session.h"

namespace slipway::app {

// A connection that speaks HTTP/2, with prior knowledge in the clear and by ALPN inside TLS: one
// slot for each stream that may be open. Answers to gRPC calls end with their grpc-status.
class BenchHttp2Connection final : public WireConnection,
                                   private net::Http2ClientSession::Listener {
 public:
  BenchHttp2Connection(size_t id, const WireSetup& setup, bool grpc, size_t slots,
                       WireEvents& events)
      : WireConnection(id), setup_(setup), grpc_(grpc), events_(events), calls_(slots) {}

  void Open() override;
  void Send(size_t slot, const WireRequest& request) override;
  void Abandon(size_t slot) override;
  void OnEvents(uint32_t events) override;
  bool closed() const override { return socket_.state() == BenchSocket::State::kClosed; }
  bool ready() const override { return session_ != nullptr && !session_->closing(); }

 private:
  struct Call {
    int32_t stream = 0;  // 0: free
    int http_status = 0;
    int grpc_status = -1;
    uint64_t body_bytes = 0;
    std::string message;
    std::string body;
    std::string kept_header;
  };

  void OnField(int32_t stream, size_t tag, std::string_view name, std::string_view value) override;
  void OnBody(int32_t stream, size_t tag, std::string_view bytes) override;
  void OnEnd(int32_t stream, size_t tag, uint32_t error_code) override;

  void Connected();
  void ReadMore();
  void Flush();
  void Fail(std::string_view what, int error_number = 0);
  void Close();
  bool busy() const { return busy_ > 0; }

  const WireSetup& setup_;
  const bool grpc_;
  WireEvents& events_;
  BenchSocket socket_;
  std::unique_ptr<net::Http2ClientSession> session_;
  std::vector<Call> calls_;  // by slot
  size_t busy_ = 0;
  bool corked_ = false;  // what is submitted now leaves with the rest, later
};

}  // namespace slipway::app

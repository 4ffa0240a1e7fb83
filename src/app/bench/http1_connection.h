#pragma once

#include <cstdint>
#include <string_view>

#include "app/bench/answer.h"
#include "app/bench/socket.h"
#include "app/bench/wire.h"

namespace slipway::app {

// A keep-alive connection that speaks HTTP/1.1: one slot.
class BenchHttp1Connection final : public WireConnection {
 public:
  BenchHttp1Connection(size_t id, const WireSetup& setup, WireEvents& events)
      : WireConnection(id),
        setup_(setup),
        events_(events),
        answer_(setup.max_kept_bytes, setup.kept_header) {}

  void Open() override;
  void Send(size_t slot, const WireRequest& request) override;
  void Abandon(size_t slot) override;
  void OnEvents(uint32_t events) override;
  bool closed() const override { return socket_.state() == BenchSocket::State::kClosed; }
  bool ready() const override { return socket_.state() == BenchSocket::State::kOpen; }

 private:
  void WriteMore();
  void ReadMore();
  // Whether to go on reading.
  bool OnBytes(std::string_view bytes);
  void OnEnd();
  void Answered();
  void Fail(std::string_view what, int error_number = 0);

  const WireSetup& setup_;
  WireEvents& events_;
  BenchSocket socket_;
  bool busy_ = false;
  std::string_view unsent_;
  AnswerReader answer_;
};

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "app/bench_answer.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "net/socket_address.h"
#include "net/tls_client.h"
#include "net/transport.h"

namespace slipway::app {

// Where to connect to. A value; `tls` outlives the connections.
struct BenchTarget {
  net::SocketAddress address;
  const net::TlsClientContext* tls = nullptr;  // null: in the clear
  std::string host = {};                       // what the server's certificate must be for
};

// One keep-alive connection of a load test: non-blocking, one request at a time, on an epoll
// descriptor that the LoadGenerator owns (edge-triggered, registered once).
//
//   kClosed --Open()--> kConnecting [--> kHandshaking] --> kIdle --Send()--> kBusy --answer-->
//   kIdle
//      ^-------- any failure, or an answer after which the server closes --------'
//
// Thread-compatible. Does not move: epoll knows its address.
class BenchConnection {
 public:
  enum class State : uint8_t { kClosed, kConnecting, kHandshaking, kIdle, kBusy };
  enum class Event : uint8_t {
    kNone,
    kConnected,  // now idle
    kAnswer,     // answer() is complete; idle, or closed if the server wanted that
    kLost,       // an idle connection was closed by the server: no request was lost
    kFailed,     // failure() says how; closed
  };

  BenchConnection(int epoll, size_t max_kept_bytes, std::string_view kept_header)
      : epoll_(epoll), answer_(max_kept_bytes, kept_header) {}
  BenchConnection(const BenchConnection&) = delete;
  BenchConnection& operator=(const BenchConnection&) = delete;

  // Only when closed. kNone or kFailed.
  Event Open(const BenchTarget& target, net::TlsBuffers& buffers);
  // Only when idle; `request` must live until the answer. kNone or kFailed.
  Event Send(std::string_view request);
  // What epoll reported. `scratch` is where received bytes go for a moment.
  Event OnEvents(uint32_t events, std::span<char> scratch);
  void Close();

  State state() const { return state_; }
  const AnswerReader& answer() const { return answer_; }
  const std::string& failure() const { return failure_; }
  int fd() const { return transport_.fd(); }

  // For the LoadGenerator: when the request was due (open loop) or sent (closed loop); min() when
  // there is none.
  base::SteadyTime started_at = base::SteadyTime::min();
  // When a closed connection may be opened again.
  base::SteadyTime reopen_at;

 private:
  Event Connected();
  Event Handshake();
  Event WriteMore();
  Event ReadMore(std::span<char> scratch);
  Event OnBytes(std::string_view bytes);
  Event OnEnd();
  Event Answered();
  Event Fail(std::string_view what, int error_number);

  const int epoll_;
  net::Transport transport_{base::UniqueFd()};
  std::unique_ptr<net::TlsSession> handshake_;  // to come, once connected
  State state_ = State::kClosed;
  std::string_view unsent_;
  AnswerReader answer_;
  std::string failure_;
};

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "app/bench/wire.h"
#include "base/unique_fd.h"
#include "net/tls_session.h"
#include "net/transport.h"

namespace slipway::app {

// The socket under a connection of a load test, from connect() through the TLS handshake. Does not
// block. Thread-compatible.
class BenchSocket {
 public:
  enum class State : uint8_t { kClosed, kConnecting, kHandshaking, kOpen };

  // Begins to connect; false when that failed: failure() says how. `event_data`: for epoll.
  bool Open(const WireSetup& setup, void* event_data);
  // Goes on after an event while connecting or handshaking; false when that failed.
  bool Continue();
  void Close();
  // Remembers why, and closes.
  void Fail(std::string_view what, int error_number = 0);

  State state() const { return state_; }
  net::Transport& transport() { return transport_; }
  const std::string& failure() const { return failure_; }

 private:
  bool Handshake();

  net::Transport transport_{base::UniqueFd()};
  std::unique_ptr<net::TlsSession> handshake_;  // to come, once connected
  State state_ = State::kClosed;
  std::string failure_;
};

}  // namespace slipway::app

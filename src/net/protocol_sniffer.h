#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "net/connection.h"
#include "net/io_context.h"

namespace slipway::net {

enum class Protocol : uint8_t { kUndecided, kHttp1, kHttp2, kTls };

// What this build speaks inside TLS, the best first: the names of ALPN (RFC 7301, section 6), which
// StartProtocol() knows. A new protocol is added to both, and to ProtocolSniffer::Replace().
inline constexpr std::array<std::string_view, 2> kTlsProtocols = {"h2", "http/1.1"};

// What a client speaks, by its first bytes: the HTTP/2 preface "PRI * HTTP/2.0", a TLS ClientHello,
// or else HTTP/1. kUndecided: they are the beginning of several, show more.
Protocol SniffProtocol(std::string_view first_bytes);

// Makes the connection for a client that is through its TLS handshake and wants `protocol`; sniffs
// when that is empty. The socket is in the loop's set.
void StartProtocol(IoContext& io, Client client, std::string_view protocol);

// A connection whose protocol is not known yet. Looks at the first bytes without taking them, then
// puts the right Connection in its own place. A new protocol is added in Replace().
class ProtocolSniffer final : public Connection {
 public:
  ProtocolSniffer(IoContext& io, Client client) : io_(io), client_(std::move(client)) {}
  // `registered`: the socket is in the loop's set, with another watcher.
  void Start(bool registered);

  void OnEvents(uint32_t events) override;
  void BeginDrain() override;
  void Abort() override;

 private:
  void Replace(Protocol protocol);
  void SetTimer(std::chrono::milliseconds delay);

  IoContext& io_;
  Client client_;
  EventLoop::TimerId timer_ = 0;
  bool undecided_ = false;  // some bytes came, not enough
};

}  // namespace slipway::net

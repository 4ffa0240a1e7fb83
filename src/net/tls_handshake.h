#pragma once

#include <chrono>
#include <cstdint>

#include "net/connection.h"
#include "net/io_context.h"

namespace slipway::net {

// A client that has sent the beginning of a ClientHello. Goes through the handshake, then puts the
// connection of the agreed protocol in its own place; a client that agrees to none is sniffed at
// like one in the clear.
//
// Handshakes are the one expensive thing that a stranger can ask for, so a loop does only a few of
// them per round, and the others wait for the next: connections that exist get their turns.
class TlsHandshake final : public Connection {
 public:
  TlsHandshake(IoContext& io, Client client) : io_(io), client_(std::move(client)) {}
  // The socket is in the loop's set, with another watcher. `io.tls` is not null.
  void Start();

  void OnEvents(uint32_t events) override;
  void BeginDrain() override;
  void Abort() override;

 private:
  void Continue();
  void Succeed();
  void Fail();
  void Close();
  void DiscardInput();
  void SetTimer(std::chrono::milliseconds delay);
  void RetireIfDone();

  IoContext& io_;
  Client client_;
  EventLoop::TimerId timer_ = 0;
  bool posted_ = false;     // Continue() runs in the next round
  bool lingering_ = false;  // failed; the alert is on its way
};

}  // namespace slipway::net

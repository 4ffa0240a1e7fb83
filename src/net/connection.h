#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "net/connection_limiter.h"
#include "net/event_loop.h"
#include "net/transport.h"

namespace slipway::net {

// Whether a listener speaks TLS.
enum class TlsMode : uint8_t { kOff, kRequired, kOptional };

// A client that was accepted: its bytes, its name, its place in the books.
struct Client {
  Transport transport;
  std::string peer;
  // Connections of one client have the same: of one TLS certificate, or else of one address.
  uint64_t number = 0;
  ConnectionTicket ticket;
  TlsMode tls_mode = TlsMode::kOff;  // of its listener, until it is known what it speaks
  // Who it is, by a TLS certificate that our client CA vouches for; null when it showed none.
  std::unique_ptr<TlsIdentity> identity = nullptr;
};

// One client's connection in some protocol. Lives on one event loop; owned by its ConnectionHost,
// and destroyed only between rounds.
class Connection : public EventLoop::Watcher {
 public:
  // What a connection waits for, all its life: edge-triggered, so it is never changed.
  static constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  // No new requests: end once the current answers are sent.
  virtual void BeginDrain() = 0;
  // The server stops: give up the socket and tell handlers that the client is gone.
  virtual void Abort() = 0;

 protected:
  // An answer was given on the connection. One that was told to come later (429,
  // RESOURCE_EXHAUSTED) asks again soon, as all others that were: such connections are read
  // together, so that refusing them takes little from the model that is too busy for them.
  void NoteAnswer(EventLoop& loop, int fd, bool refused) {
    if (refused) refused_at_ = loop.round_time();
    if (!refused && !deferred()) return;
    const bool defer = loop.round_time() - refused_at_ <= kDeferredFor;
    // Where the system has no memory for that, the connection stays where it is.
    [[maybe_unused]] const base::Status moved =
        defer ? loop.Defer(fd, kEvents, this) : loop.Resume(fd, kEvents, this);
  }

 private:
  friend class IoThread;
  static constexpr std::chrono::milliseconds kDeferredFor{100};
  size_t index_ = 0;  // in the host's list
  base::SteadyTime refused_at_{};
};

// Owns the connections of one event loop.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  // Begins to serve a client that was just accepted, here or on a less busy loop.
  virtual void Place(Client client) = 0;
  // `connection` is registered with the loop already, or will do it itself.
  virtual void Adopt(std::unique_ptr<Connection> connection) = 0;
  // Destroys `connection` at the end of the round. It must have left the loop.
  virtual void Retire(Connection& connection) = 0;
};

// A statistic with one writing thread and any number of readers: no locked instruction.
class Counter {
 public:
  void Add(uint64_t n) { value_.store(value() + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

}  // namespace slipway::net

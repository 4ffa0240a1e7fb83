#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "net/exchange.h"
#include "net/limits.h"
#include "net/listen_address.h"

namespace slipway::net {

class ByteBudget;
class TlsContext;

// What the network layer counts. Read at any time from any thread.
struct ServerStats {
  uint64_t connections_open = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;  // by a limit or because descriptors ran out
  uint64_t requests = 0;
  uint64_t protocol_errors = 0;  // requests that were refused before they reached a handler
  uint64_t timeouts = 0;         // connections closed by a deadline
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t buffered_bytes = 0;  // held in request buffers now
  uint64_t tls_handshakes = 0;  // full ones
  uint64_t tls_resumed = 0;     // and those that a session ticket made cheap
  uint64_t tls_failures = 0;
};

// Accepts connections and turns bytes into exchanges. One event loop per IO thread, each with its
// own SO_REUSEPORT listener; a connection stays on its loop.
//
// Thread-safe but for the destructor, which stops at once: clients are cut off, on_client_gone is
// called, IO threads are joined, handlers destroyed. Whoever posts to the loops must have ended
// before.
class Server {
 public:
  struct Options {
    std::vector<ListenAddress> listen;
    size_t io_threads = 1;
    Limits limits;
    TlsContext* tls = nullptr;  // outlives the server; null: it speaks no TLS
    // Of the bytes in request buffers, for whoever counts more there; outlives the server. Null:
    // one of limits.max_buffered_bytes.
    ByteBudget* budget = nullptr;
  };

  // Binds, makes the handlers and starts the threads. kFailedPrecondition when an address is taken,
  // kInvalidArgument, kPermissionDenied.
  static base::Result<std::unique_ptr<Server>> Start(const Options& options,
                                                     const HttpHandlerFactory& make_handler,
                                                     base::Clock& clock, base::Logger& log);
  virtual ~Server() = default;

  // With the real ports, and what is spoken there, filled in.
  virtual std::vector<ListenAddress> addresses() const = 0;
  virtual std::vector<EventLoop*> loops() const = 0;
  virtual ServerStats stats() const = 0;

  // From now on every answer says "connection: close"; connections are still accepted. The first
  // step of a shutdown: busy clients leave by themselves before idle connections are closed.
  virtual void BeginClosing() = 0;
  // Stops accepting and lets every connection end after its current answers ("connection: close").
  virtual void BeginDrain() = 0;
  // True when no connection is left; false when `limit` passed first.
  virtual bool WaitDrained(std::chrono::milliseconds limit) = 0;
};

}  // namespace slipway::net

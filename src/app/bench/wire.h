#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/socket_address.h"
#include "net/tls_client.h"

namespace slipway::app {

// What a load test speaks.
enum class BenchProtocol : uint8_t {
  kRest,       // HTTP/1.1
  kRestHttp2,  // the same requests over HTTP/2
  kGrpc,       // ModelInfer of the Open Inference protocol
};

// Where to connect to. A value; `tls` outlives the connections.
struct BenchServer {
  net::SocketAddress address;
  const net::TlsClientContext* tls = nullptr;  // null: in the clear
  std::string host = {};                       // what the server's certificate must be for
};

// One request, ready to be sent any number of times.
struct WireRequest {
  std::string bytes;  // HTTP/1.1: all of it; HTTP/2: the body
  int64_t rows = 1;
  std::vector<std::pair<std::string, std::string>> fields = {};  // HTTP/2: pseudo fields first
};

// What came back for a request. Views live until the callback returns.
struct WireAnswer {
  int http_status = 0;
  int grpc_status = -1;          // -1: not a gRPC answer
  std::string_view message;      // of gRPC
  std::string_view body;         // as much of it as was to be kept
  std::string_view kept_header;  // the value of the header that was to be kept
  uint64_t body_bytes = 0;

  bool ok() const {
    return http_status >= 200 && http_status <= 299 && (grpc_status == 0 || grpc_status == -1);
  }
};

class WireConnection;

// Who is told what happens on connections. Called within Open(), Send() and OnEvents(); may call
// Send() and Open() of the connection, but not destroy it.
class WireEvents {
 public:
  virtual ~WireEvents() = default;
  // All slots are free.
  virtual void OnConnected(WireConnection& connection) = 0;
  virtual void OnAnswer(WireConnection& connection, size_t slot, const WireAnswer& answer) = 0;
  // The request failed alone; the connection goes on.
  virtual void OnRequestFailed(WireConnection& connection, size_t slot, std::string_view why) = 0;
  // The connection has ended, and whatever was in its slots with it. `failure` is empty when the
  // server closed it while it was idle, or after an answer.
  virtual void OnClosed(WireConnection& connection, std::string_view failure) = 0;
};

// What all connections of one kind of load share; outlives them.
struct WireSetup {
  const BenchServer& server;
  net::TlsBuffers& tls_buffers;
  int epoll;  // edge-triggered; the connection's address is the event's data
  std::span<char> scratch;
  size_t max_kept_bytes;         // of a body
  std::string_view kept_header;  // in lower case
};

// One connection of a load test with `slots` places for a request that waits for its answer.
//
//   closed --Open()--> connecting [--> handshaking] --> open --failure, or the server--> closed
//
// Thread-compatible. Does not move: epoll knows its address.
class WireConnection {
 public:
  explicit WireConnection(size_t id) : id_(id) {}
  virtual ~WireConnection() = default;
  WireConnection(const WireConnection&) = delete;
  WireConnection& operator=(const WireConnection&) = delete;

  // Only when closed.
  virtual void Open() = 0;
  // Only when open, into a free slot; `request` must live until the answer.
  virtual void Send(size_t slot, const WireRequest& request) = 0;
  // Gives up the request in a slot, without a callback; this may close the connection.
  virtual void Abandon(size_t slot) = 0;
  // What epoll reported.
  virtual void OnEvents(uint32_t events) = 0;
  virtual bool closed() const = 0;
  virtual bool ready() const = 0;  // open: takes requests

  size_t id() const { return id_; }

 private:
  const size_t id_;
};

}  // namespace slipway::app

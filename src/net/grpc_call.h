#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"
#include "net/buffer_pool.h"
#include "net/http_message.h"

namespace slipway::net {

class EventLoop;

// What a gRPC call begins with. Views are valid until the call is over.
// Source: "gRPC over HTTP2" (PROTOCOL-HTTP2.md).
struct GrpcRequest {
  std::string_view path;                 // "/package.Service/Method"
  std::span<const HttpHeader> metadata;  // names in lower case; values of "-bin" names as sent
  base::Deadline deadline;               // from grpc-timeout
  base::SteadyTime first_byte_at;
  std::string_view peer;
  uint64_t client = 0;  // Client::number
};

// One whole message of a client, decompressed.
struct GrpcMessage {
  PooledBuffer storage;        // owns the bytes: keep it as long as something views them
  std::span<std::byte> bytes;  // mutable: a codec may decode in place; 64 readable bytes follow
  base::SteadyTime first_byte_at;
  base::SteadyTime complete_at;
};

// One message to the client, as pieces that are sent one after the other without being copied
// together: `body`, then each of `tail`.
struct GrpcReply {
  std::string body;
  std::vector<base::Buffer> tail;
};

// One gRPC call, unary or streaming. Belongs to its connection's event loop: every call is made on
// that loop's thread. Lifetime: from GrpcHandler::OnCall() until Finish() returns, also when the
// client has gone or cancelled meanwhile (what is sent is then dropped).
class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  virtual const GrpcRequest& request() const = 0;
  virtual EventLoop& loop() = 0;
  // Goes with the first message, or with the status when there is none. `name` is static text.
  virtual void AddMetadata(std::string_view name, std::string_view value) = 0;
  // Fill this in, then Send(), which leaves it empty but keeps its memory.
  virtual GrpcReply& reply() = 0;
  // False when the client reads so slowly that too much is waiting: send no more before
  // GrpcReceiver::OnWritable().
  virtual bool Send() = 0;
  // While held, no OnMessage() and no OnEndOfMessages() comes, and the client may send about a
  // stream window more (Limits::stream_window_bytes) before it has to wait: for receivers of
  // streams that cannot take another message now. Not held at first.
  virtual void HoldMessages(bool /*hold*/) {}
  // Ends the call with its status: exactly once, whatever happened to the client.
  virtual void Finish(const base::Status& status) = 0;
  // The client cancelled, went away, or its deadline has passed.
  virtual bool cancelled() const = 0;
};

// The server's side of one call. Called on the loop's thread, never from within a method of the
// GrpcCall that it does itself.
class GrpcReceiver {
 public:
  virtual ~GrpcReceiver() = default;
  virtual void OnMessage(GrpcMessage message) = 0;
  // The client has sent its last message.
  virtual void OnEndOfMessages() = 0;
  virtual void OnWritable() {}
  // Once, when the call is cancelled before Finish(). Work for it can be given up.
  virtual void OnCancelled() = 0;
};

// What a server does with gRPC calls. One per event loop, like HttpHandler.
class GrpcHandler {
 public:
  virtual ~GrpcHandler() = default;
  // A call begins. The receiver belongs to the handler and lives until the call's Finish() returns.
  // nullptr: there is no such method; the call ends as kUnimplemented, with a message that names
  // it.
  virtual GrpcReceiver* OnCall(GrpcCall& call) = 0;
};

}  // namespace slipway::net

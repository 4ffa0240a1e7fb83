#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/client_socket.h"
#include "net/http2_client_session.h"
#include "net/tls_client.h"

namespace slipway::net {

// The fields of a gRPC call: pseudo fields, content-type, te, and those of the caller.
// `path`: "/package.Service/Method".
std::vector<Http2ClientSession::Field> GrpcCallFields(
    const ServerName& server, std::string_view path,
    std::span<const Http2ClientSession::Field> more = {});
// `message` as a call carries it: uncompressed, behind its prefix. At most 4 GiB.
std::string FrameGrpcMessage(std::string_view message);

// A blocking gRPC client for single unary calls, each on a connection of its own: for the command
// line. Thread-compatible; `clock` must outlive it.
class GrpcClient {
 public:
  struct Options {
    std::chrono::milliseconds timeout{30'000};  // for a call, the connection included
    size_t max_response_bytes = size_t{256} << 20;
    const TlsClientContext* tls = nullptr;  // for https, with http2 set; outlives us
  };

  GrpcClient(ServerName server, const base::Clock& clock, const Options& options)
      : server_(std::move(server)), clock_(clock), options_(options) {}

  // The message that the call is answered with. The status of the call; kUnavailable (no
  // connection, or it was lost), kDeadlineExceeded, kUnauthenticated (a certificate), kDataLoss
  // (not gRPC), kResourceExhausted (max_response_bytes).
  base::Result<std::string> Call(std::string_view path, std::string_view message,
                                 std::span<const Http2ClientSession::Field> fields = {}) const;

 private:
  const ServerName server_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace slipway::net

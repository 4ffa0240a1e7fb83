#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "net/socket_address.h"
#include "net/tls_client.h"
#include "net/transport.h"

namespace slipway::net {

// Where the server of a URL is, and how it is called.
struct ServerName {
  SocketAddress address;
  std::string authority;  // for the Host header: "example.org:8000"
  std::string host;       // "example.org", "::1"; what a certificate is for
  bool tls = false;

  // "http://host:port", "https://host:port" or "unix:/path"; nothing may follow. kInvalidArgument;
  // kUnavailable when the host has no address.
  static base::Result<ServerName> Resolve(std::string_view url);
};

// A client's connection to a server, in the clear or through TLS, whose calls wait until a
// deadline.
//
// Errors: kUnavailable (no connection, or it was lost), kDeadlineExceeded, kUnauthenticated (the
// server's certificate, or ours, is not good enough). Thread-compatible; `clock` must outlive it.
class ClientSocket {
 public:
  explicit ClientSocket(const base::Clock& clock) : clock_(&clock) {}

  // For all that follows.
  void set_deadline(base::SteadyTime deadline) { deadline_ = deadline; }
  // `tls` is for a server that is called by https, and must outlive the connection.
  base::Status Connect(const ServerName& server, const TlsClientContext* tls);
  base::Status Write(std::string_view bytes);
  // Appends what has come to `received`; false at the end of the stream.
  base::Result<bool> Receive(std::string& received);
  // Nobody has closed the connection, and nothing has come that nobody asked for.
  bool Idle();
  // What both sides agreed to speak inside TLS (ALPN); "" in the clear.
  std::string_view protocol() { return transport_.tls() ? transport_.tls()->protocol() : ""; }
  bool open() const { return transport_.open(); }
  void Close() { transport_.Close(); }

 private:
  base::Status StartTls(const ServerName& server, const TlsClientContext& tls);
  base::Status Wait(short events);

  const base::Clock* clock_;
  std::unique_ptr<TlsBuffers> tls_buffers_;  // made when first needed
  Transport transport_{base::UniqueFd()};
  base::SteadyTime deadline_;
};

}  // namespace slipway::net

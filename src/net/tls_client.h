#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "net/tls_certificate.h"
#include "net/tls_session.h"

namespace slipway::net {

// The client's side of TLS 1.2 and 1.3: whom to trust, and who we are.
// Thread-safe; outlives its sessions.
class TlsClientContext {
 public:
  struct Options {
    std::string ca_file = {};           // PEM: whom to trust; empty: the system's authorities
    bool insecure = false;              // trust anybody
    std::string certificate_file = {};  // PEM: who we are, for servers that ask; empty: nobody
    std::string key_file = {};          // empty: in certificate_file
    bool http2 = false;                 // what is spoken inside (ALPN): HTTP/2, not HTTP/1.1
  };

  // kInvalidArgument, kNotFound, kPermissionDenied: the message names the file.
  static base::Result<std::unique_ptr<TlsClientContext>> Create(const Options& options,
                                                                const base::FileSystem& fs);

  // A session with `host`, a name or an address, that the server's certificate must be for. Its
  // handshake has not begun. Null when memory is short.
  std::unique_ptr<TlsSession> Connect(int fd, const std::string& host, TlsBuffers& buffers) const;
  // What a failed `session` means, and what to do about it: kUnauthenticated when a certificate is
  // not good enough, kUnavailable.
  static base::Status Explain(const TlsSession& session);

 private:
  TlsClientContext(OpenSslPtr<SSL_CTX> context, bool insecure)
      : context_(std::move(context)), insecure_(insecure) {}
  const OpenSslPtr<SSL_CTX> context_;
  const bool insecure_;
};

}  // namespace slipway::net

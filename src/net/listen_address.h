#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::net {

// "127.0.0.1:8000", "[::1]:8000", "unix:/run/slipway.sock"; port 0 takes a free one. A numeric
// address, not a name: which interfaces are opened must not depend on a resolver. "http=" or
// "https=" in front says what is spoken there: without it, TLS when the server has a certificate
// (but not on a Unix socket, which file permissions protect).
struct ListenAddress {
  enum class Scheme : uint8_t { kAny, kHttp, kHttps };

  std::string text;  // without the scheme
  Scheme scheme = Scheme::kAny;

  static base::Result<ListenAddress> Parse(std::string_view text);
  // For clients: "https://127.0.0.1:8000", "unix:/run/slipway.sock".
  std::string url() const;
  bool loopback() const;  // 127/8, ::1 or a Unix socket
  bool unix_socket() const { return text.starts_with("unix:"); }
};

// Opens a listening socket, not blocking, at `address` and writes the real port into it. With
// `share_port`, sockets of the same user may listen on one port and the kernel spreads connections
// over them; the first of them must not share, so that a port in use is noticed.
base::Result<base::UniqueFd> Listen(ListenAddress& address, bool share_port);
// kFailedPrecondition when someone listens at `address` already.
base::Status CheckFree(const ListenAddress& address);

}  // namespace slipway::net

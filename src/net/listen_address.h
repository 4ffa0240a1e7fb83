#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::net {

// "127.0.0.1:8000", "[::1]:8000", "unix:/run/slipway.sock"; port 0 takes a free one. A numeric
// address, not a name: which interfaces are opened must not depend on a resolver.
struct ListenAddress {
  std::string text;
  static base::Result<ListenAddress> Parse(std::string_view text);
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

#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::net {

// Where a socket is bound or connected to: an IPv4 or IPv6 address with a port, or the path of a
// Unix socket. A value.
class SocketAddress {
 public:
  SocketAddress() = default;
  // "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path". kInvalidArgument.
  static base::Result<SocketAddress> Parse(std::string_view text);
  // Where `fd` is bound to.
  static SocketAddress OfSocket(int fd);
  SocketAddress(const sockaddr* address, socklen_t size);

  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  bool loopback() const;  // also true of Unix sockets
  // As Parse() reads it; "unix" for a Unix socket without a name.
  std::string ToString() const;
  // Who counts as one client: an IPv4 address, or the /64 network of an IPv6 address. Never 0.
  uint64_t ClientKey() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace slipway::net

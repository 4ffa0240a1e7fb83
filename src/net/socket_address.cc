#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::net {
namespace {

base::Status Malformed(std::string_view text) {
  return base::InvalidArgument(base::StrCat(
      "address '", base::Printable(text),
      "': expected a numeric address and port such as '127.0.0.1:8000' or '[::1]:8000', or "
      "'unix:/path'"));
}

base::Result<SocketAddress> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(std::strlen("unix:"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.find('\0') != std::string_view::npos) return Malformed(text);
  if (path.size() >= sizeof(address.sun_path)) {
    return base::InvalidArgument(base::StrCat(
        "address '", base::Printable(text), "': the path of a Unix socket has at most ",
        sizeof(address.sun_path) - 1, " bytes, this one has ", path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

const sockaddr_in& Ipv4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& Ipv6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
  std::memcpy(&storage_, address, size_);
}

base::Result<SocketAddress> SocketAddress::Parse(std::string_view text) {
  if (text.starts_with("unix:")) return ParseUnix(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return Malformed(text);
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end) return Malformed(text);
  if (text[0] == '[') {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    if (text[colon - 1] != ']') return Malformed(text);
    const std::string host(text.substr(1, colon - 2));
    if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return Malformed(text);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  const std::string host(text.substr(0, colon));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return Malformed(text);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

SocketAddress SocketAddress::OfSocket(int fd) {
  SocketAddress address;
  address.size_ = sizeof(address.storage_);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_);
  return address;
}

bool SocketAddress::loopback() const {
  switch (family()) {
    case AF_INET:
      return (ntohl(Ipv4(storage_).sin_addr.s_addr) >> 24) == 127;
    case AF_INET6:
      return IN6_IS_ADDR_LOOPBACK(&Ipv6(storage_).sin6_addr) != 0;
    default:
      return true;
  }
}

std::string SocketAddress::ToString() const {
  char host[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET:
      ::inet_ntop(AF_INET, &Ipv4(storage_).sin_addr, host, sizeof(host));
      return base::StrCat(std::string_view(host), ":", ntohs(Ipv4(storage_).sin_port));
    case AF_INET6:
      ::inet_ntop(AF_INET6, &Ipv6(storage_).sin6_addr, host, sizeof(host));
      return base::StrCat("[", std::string_view(host), "]:", ntohs(Ipv6(storage_).sin6_port));
    default:
      return "unix";
  }
}

uint64_t SocketAddress::ClientKey() const {
  uint64_t key = 0;
  if (family() == AF_INET) {
    key = uint64_t{1} << 32 | Ipv4(storage_).sin_addr.s_addr;
  } else if (family() == AF_INET6) {
    std::memcpy(&key, &Ipv6(storage_).sin6_addr, sizeof(key));  // ::1 and friends are all 0
    key |= uint64_t{1} << 63;
  }
  return key == 0 ? 1 : key;
}

}  // namespace slipway::net

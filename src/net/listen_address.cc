#include "net/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/socket_address.h"

namespace slipway::net {
namespace {

constexpr int kBacklog = 4096;

base::Status BindError(int error_number, const ListenAddress& address) {
  const std::string what = base::StrCat("listen on '", address.text, "'");
  if (error_number == EADDRINUSE) {
    return base::FailedPrecondition(
        base::StrCat(what, ": the address is in use by another process"));
  }
  if (error_number == EACCES || error_number == EPERM) {
    return base::PermissionDenied(base::StrCat(what, ": ", std::strerror(error_number)));
  }
  return base::InvalidArgument(base::StrCat(what, ": ", std::strerror(error_number)));
}

// A socket file that nobody listens on is what a killed process left behind.
base::Status RemoveStaleSocketFile(const ListenAddress& address, const SocketAddress& where) {
  const std::string path = address.text.substr(std::strlen("unix:"));
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return base::OkStatus();
  if (!S_ISSOCK(info.st_mode)) return BindError(EADDRINUSE, address);
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return base::ErrnoStatus(errno, "socket");
  if (::connect(probe.get(), where.get(), where.size()) == 0 || errno == EAGAIN) {
    return BindError(EADDRINUSE, address);
  }
  ::unlink(path.c_str());
  return base::OkStatus();
}

base::Result<base::UniqueFd> Bind(const ListenAddress& address, const SocketAddress& where,
                                  bool share_port) {
  base::UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::ErrnoStatus(errno, "socket");
  const int on = 1;
  if (where.family() != AF_UNIX) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (share_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    // Accepted connections inherit these two.
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  }
  if (where.family() == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (::bind(fd.get(), where.get(), where.size()) != 0) return BindError(errno, address);
  return fd;
}

}  // namespace

base::Result<ListenAddress> ListenAddress::Parse(std::string_view text) {
  constexpr std::string_view kHttp = "http=";
  constexpr std::string_view kHttps = "https=";
  ListenAddress address;
  if (text.starts_with(kHttp)) {
    text.remove_prefix(kHttp.size());
    address.scheme = Scheme::kHttp;
  } else if (text.starts_with(kHttps)) {
    text.remove_prefix(kHttps.size());
    address.scheme = Scheme::kHttps;
  }
  SLIPWAY_RETURN_IF_ERROR(SocketAddress::Parse(text).status());
  address.text = text;
  return address;
}

std::string ListenAddress::url() const {
  if (unix_socket()) return text;
  return base::StrCat(scheme == Scheme::kHttps ? "https://" : "http://", text);
}

bool ListenAddress::loopback() const {
  const base::Result<SocketAddress> where = SocketAddress::Parse(text);
  return where.ok() && where->loopback();
}

base::Status CheckFree(const ListenAddress& address) {
  SLIPWAY_ASSIGN_OR_RETURN(const SocketAddress where, SocketAddress::Parse(address.text));
  if (address.unix_socket()) return RemoveStaleSocketFile(address, where);
  SLIPWAY_ASSIGN_OR_RETURN(const base::UniqueFd probe, Bind(address, where, false));
  if (::listen(probe.get(), 1) != 0) return BindError(errno, address);
  return base::OkStatus();
}

base::Result<base::UniqueFd> Listen(ListenAddress& address, bool share_port) {
  SLIPWAY_ASSIGN_OR_RETURN(const SocketAddress where, SocketAddress::Parse(address.text));
  SLIPWAY_ASSIGN_OR_RETURN(base::UniqueFd fd, Bind(address, where, share_port));
  if (::listen(fd.get(), kBacklog) != 0) return BindError(errno, address);
  if (!address.unix_socket()) address.text = SocketAddress::OfSocket(fd.get()).ToString();
  return fd;
}

}  // namespace slipway::net

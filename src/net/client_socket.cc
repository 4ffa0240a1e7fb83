#include "net/client_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr size_t kReceiveBytes = 64 * 1024;

base::Result<SocketAddress> LookUp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return base::Unavailable(
        base::StrCat("host '", base::Printable(host), "': ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  return SocketAddress(found->ai_addr, found->ai_addrlen);
}

}  // namespace

base::Result<ServerName> ServerName::Resolve(std::string_view url) {
  ServerName name;
  if (url.starts_with("unix:")) {
    SLIPWAY_ASSIGN_OR_RETURN(name.address, SocketAddress::Parse(url));
    name.authority = name.host = "localhost";
    return name;
  }
  name.tls = url.starts_with(kHttps);
  const std::string_view scheme = name.tls ? kHttps : kHttp;
  std::string_view authority = url.substr(std::min(scheme.size(), url.size()));
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (!url.starts_with(scheme) || authority.empty() ||
      authority.find('/') != std::string_view::npos ||
      !std::all_of(authority.begin(), authority.end(), [](char c) { return Is(c, kHostChar); })) {
    return base::InvalidArgument(
        base::StrCat("url '", base::Printable(url),
                     "': expected 'http://host:port', 'https://host:port' or 'unix:/path'"));
  }
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  const std::string port(colon != std::string_view::npos ? authority.substr(colon + 1)
                         : name.tls                      ? "443"
                                                         : "80");
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  name.authority = authority;
  name.host = host;
  SLIPWAY_ASSIGN_OR_RETURN(name.address, LookUp(name.host, port));
  return name;
}

bool ClientSocket::Idle() {
  char byte = 0;
  const ssize_t size = transport_.Peek(&byte, 1);
  return size < 0 && errno == EAGAIN;  // not an end, an error, or bytes that nobody asked for
}

base::Status ClientSocket::Connect(const ServerName& server, const TlsClientContext* tls) {
  const SocketAddress& where = server.address;
  base::UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::ErrnoStatus(errno, "socket");
  const int on = 1;
  if (where.family() != AF_UNIX) {
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  int error = ::connect(fd.get(), where.get(), where.size()) == 0 ? 0 : errno;
  transport_ = Transport(std::move(fd));
  if (error == EINPROGRESS) {
    SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT).WithContext("connect"));
    socklen_t size = sizeof(error);
    ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) return base::Unavailable(base::StrCat("connect: ", std::strerror(error)));
  if (!server.tls) return base::OkStatus();
  if (tls == nullptr) return base::InvalidArgument("https is not set up for this client");
  return StartTls(server, *tls);
}

base::Status ClientSocket::StartTls(const ServerName& server, const TlsClientContext& tls) {
  if (tls_buffers_ == nullptr) tls_buffers_ = std::make_unique<TlsBuffers>();
  auto session = tls.Connect(transport_.fd(), server.host, *tls_buffers_);
  if (session == nullptr) return base::InvalidArgument("no name that a certificate can be for");
  transport_.StartTls(std::move(session));
  while (true) {
    switch (transport_.tls()->ContinueHandshake()) {
      case TlsSession::Progress::kDone:
        return base::OkStatus();
      case TlsSession::Progress::kWantRead:
        SLIPWAY_RETURN_IF_ERROR(Wait(POLLIN).WithContext("TLS handshake"));
        break;
      case TlsSession::Progress::kWantWrite:
        SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT).WithContext("TLS handshake"));
        break;
      case TlsSession::Progress::kFailed:
        return TlsClientContext::Explain(*transport_.tls());
    }
  }
}

base::Status ClientSocket::Wait(short events) {
  pollfd entry{.fd = transport_.fd(), .events = events, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_->SteadyNow());
    if (left.count() <= 0) return base::DeadlineExceeded("no answer in time");
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return base::OkStatus();
    if (ready < 0 && errno != EINTR) return base::ErrnoStatus(errno, "poll");
  }
}

base::Status ClientSocket::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const iovec piece{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    const ssize_t written = transport_.Send({&piece, 1});
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT));
    } else if (errno != EINTR) {
      return base::Unavailable(base::StrCat("send: ", std::strerror(errno)));
    }
  }
  return base::OkStatus();
}

base::Result<bool> ClientSocket::Receive(std::string& received) {
  while (true) {
    const size_t before = received.size();
    received.resize(before + kReceiveBytes);
    const ssize_t size =
        transport_.Receive(reinterpret_cast<std::byte*>(received.data()) + before, kReceiveBytes);
    const int error = errno;
    received.resize(before + (size > 0 ? static_cast<size_t>(size) : 0));
    if (size >= 0) return size > 0;
    if (error == EAGAIN) {
      SLIPWAY_RETURN_IF_ERROR(Wait(POLLIN));
    } else if (error != EINTR) {
      if (transport_.tls() != nullptr) return TlsClientContext::Explain(*transport_.tls());
      return base::Unavailable(base::StrCat("receive: ", std::strerror(error)));
    }
  }
}

}  // namespace slipway::net

#include "app/bench/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::app {

void BenchSocket::Fail(std::string_view what, int error_number) {
  failure_ = what;
  if (error_number != 0) failure_ += base::StrCat(": ", ::strerror(error_number));
  Close();
}

void BenchSocket::Close() {
  transport_.Close();  // also leaves epoll
  handshake_.reset();
  state_ = State::kClosed;
}

bool BenchSocket::Open(const WireSetup& setup, void* event_data) {
  const auto fail = [this](std::string_view what, int error_number) {
    Fail(what, error_number);
    return false;
  };
  const net::SocketAddress& address = setup.server.address;
  base::UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail("socket", errno);
  const int fd = socket.get();
  transport_ = net::Transport(std::move(socket));
  if (address.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (::connect(fd, address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return fail("connect", errno);
  }
  if (setup.server.tls != nullptr) {
    handshake_ = setup.server.tls->Connect(fd, setup.server.host, setup.tls_buffers);
    if (handshake_ == nullptr) return fail("TLS: no name that a certificate can be for", 0);
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.ptr = event_data}};
  if (::epoll_ctl(setup.epoll, EPOLL_CTL_ADD, fd, &event) != 0) return fail("epoll_ctl", errno);
  state_ = State::kConnecting;
  return true;
}

bool BenchSocket::Continue() {
  if (state_ == State::kHandshaking) return Handshake();
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    Fail("connect", error);
    return false;
  }
  if (handshake_ != nullptr) {
    transport_.StartTls(std::move(handshake_));
    state_ = State::kHandshaking;
    return Handshake();
  }
  state_ = State::kOpen;
  return true;
}

bool BenchSocket::Handshake() {
  const auto progress = transport_.tls()->ContinueHandshake();
  if (progress == net::TlsSession::Progress::kFailed) {
    Fail(net::TlsClientContext::Explain(*transport_.tls()).message());
    return false;
  }
  if (progress == net::TlsSession::Progress::kDone) state_ = State::kOpen;
  return true;
}

}  // namespace slipway::app

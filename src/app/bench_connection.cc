#include "app/bench_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::app {

using Event = BenchConnection::Event;

Event BenchConnection::Fail(std::string_view what, int error_number) {
  failure_ = what;
  if (error_number != 0) failure_ += base::StrCat(": ", ::strerror(error_number));
  Close();
  return Event::kFailed;
}

void BenchConnection::Close() {
  transport_.Close();  // also leaves epoll
  handshake_.reset();
  state_ = State::kClosed;
  unsent_ = {};
}

Event BenchConnection::Open(const BenchTarget& target, net::TlsBuffers& buffers) {
  const net::SocketAddress& address = target.address;
  base::UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Fail("socket", errno);
  const int fd = socket.get();
  transport_ = net::Transport(std::move(socket));
  if (address.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (::connect(fd, address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return Fail("connect", errno);
  }
  if (target.tls != nullptr) {
    handshake_ = target.tls->Connect(fd, target.host, buffers);
    if (handshake_ == nullptr) return Fail("TLS: no name that a certificate can be for", 0);
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return Fail("epoll_ctl", errno);
  state_ = State::kConnecting;
  return Event::kNone;
}

Event BenchConnection::Send(std::string_view request) {
  unsent_ = request;
  answer_.Reset();
  state_ = State::kBusy;
  return WriteMore();
}

Event BenchConnection::WriteMore() {
  while (!unsent_.empty()) {
    const iovec piece{.iov_base = const_cast<char*>(unsent_.data()), .iov_len = unsent_.size()};
    const ssize_t sent = transport_.Send({&piece, 1});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    // The server may have answered and closed before it read everything; then the answer counts.
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) break;
    if (sent < 0) return Fail("send", errno);
    unsent_.remove_prefix(static_cast<size_t>(sent));
  }
  return Event::kNone;
}

Event BenchConnection::OnEvents(uint32_t events, std::span<char> scratch) {
  if (state_ == State::kConnecting) return Connected();
  if (state_ == State::kHandshaking) return Handshake();
  if (state_ == State::kClosed) return Event::kNone;
  if ((events & EPOLLOUT) != 0 && !unsent_.empty()) {
    if (const Event event = WriteMore(); event != Event::kNone) return event;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return Event::kNone;
  return ReadMore(scratch);
}

Event BenchConnection::Connected() {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Fail("connect", error);
  if (handshake_ != nullptr) {
    transport_.StartTls(std::move(handshake_));
    state_ = State::kHandshaking;
    return Handshake();
  }
  state_ = State::kIdle;
  return Event::kConnected;
}

Event BenchConnection::Handshake() {
  const auto progress = transport_.tls()->ContinueHandshake();
  if (progress == net::TlsSession::Progress::kFailed) {
    return Fail(net::TlsClientContext::Explain(*transport_.tls()).message(), 0);
  }
  if (progress != net::TlsSession::Progress::kDone) return Event::kNone;
  state_ = State::kIdle;
  return Event::kConnected;
}

Event BenchConnection::ReadMore(std::span<char> scratch) {
  while (true) {
    const ssize_t got =
        transport_.Receive(reinterpret_cast<std::byte*>(scratch.data()), scratch.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return Event::kNone;
    if (got < 0) return state_ == State::kIdle ? OnEnd() : Fail("connection lost", errno);
    if (got == 0) return OnEnd();
    const auto size = static_cast<size_t>(got);
    const Event event = OnBytes({scratch.data(), size});
    // A short read emptied the socket: what comes later is another edge.
    if (event != Event::kNone || (size < scratch.size() && !transport_.pending())) return event;
  }
}

Event BenchConnection::OnBytes(std::string_view bytes) {
  if (state_ == State::kIdle) return Fail("bytes that answer no request", 0);
  switch (answer_.Feed(bytes)) {
    case AnswerReader::Progress::kMore:
      return Event::kNone;
    case AnswerReader::Progress::kDone:
      return Answered();
    case AnswerReader::Progress::kBad:
      break;
  }
  return Fail("not a valid HTTP/1.1 answer", 0);
}

Event BenchConnection::OnEnd() {
  if (state_ == State::kIdle) {
    Close();
    return Event::kLost;
  }
  if (answer_.started() && answer_.FeedEnd() == AnswerReader::Progress::kDone) return Answered();
  return Fail(answer_.started() ? "connection closed in the middle of an answer"
                                : "connection closed without an answer",
              0);
}

Event BenchConnection::Answered() {
  // An answer before the whole request was read: the rest would be taken for another request.
  if (answer_.keep_alive() && unsent_.empty()) {
    state_ = State::kIdle;
  } else {
    Close();
  }
  return Event::kAnswer;
}

}  // namespace slipway::app

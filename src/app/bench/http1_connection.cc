#include "app/bench/http1_connection.h"

#include <sys/epoll.h>
#include <sys/uio.h>

#include <cerrno>

namespace slipway::app {

void BenchHttp1Connection::Fail(std::string_view what, int error_number) {
  busy_ = false;
  unsent_ = {};
  socket_.Fail(what, error_number);
  events_.OnClosed(*this, socket_.failure());
}

void BenchHttp1Connection::Open() {
  if (!socket_.Open(setup_, this)) events_.OnClosed(*this, socket_.failure());
}

void BenchHttp1Connection::Send(size_t /*slot*/, const WireRequest& request) {
  unsent_ = request.bytes;
  answer_.Reset();
  busy_ = true;
  WriteMore();
}

void BenchHttp1Connection::Abandon(size_t /*slot*/) {
  busy_ = false;
  unsent_ = {};
  socket_.Close();
}

void BenchHttp1Connection::WriteMore() {
  while (!unsent_.empty()) {
    const iovec piece{.iov_base = const_cast<char*>(unsent_.data()), .iov_len = unsent_.size()};
    const ssize_t sent = socket_.transport().Send({&piece, 1});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    // The server may have answered and closed before it read everything; then the answer counts.
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return;
    if (sent < 0) return Fail("send", errno);
    unsent_.remove_prefix(static_cast<size_t>(sent));
  }
}

void BenchHttp1Connection::OnEvents(uint32_t events) {
  if (closed()) return;
  if (!ready()) {
    if (!socket_.Continue()) return events_.OnClosed(*this, socket_.failure());
    if (ready()) events_.OnConnected(*this);
    return;
  }
  if ((events & EPOLLOUT) != 0 && !unsent_.empty()) WriteMore();
  if (ready() && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ReadMore();
}

void BenchHttp1Connection::ReadMore() {
  const std::span<char> room = setup_.scratch;
  net::Transport& transport = socket_.transport();
  while (true) {
    const ssize_t got = transport.Receive(reinterpret_cast<std::byte*>(room.data()), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0 && busy_) return Fail("connection lost", errno);
    if (got <= 0) return OnEnd();
    const auto size = static_cast<size_t>(got);
    // A short read emptied the socket: what comes later is another edge.
    if (!OnBytes({room.data(), size}) || (size < room.size() && !transport.pending())) return;
  }
}

bool BenchHttp1Connection::OnBytes(std::string_view bytes) {
  if (!busy_) {
    Fail("bytes that answer no request");
    return false;
  }
  const AnswerReader::Progress progress = answer_.Feed(bytes);
  if (progress == AnswerReader::Progress::kMore) return true;
  if (progress == AnswerReader::Progress::kDone) {
    Answered();
  } else {
    Fail("not a valid HTTP/1.1 answer");
  }
  return false;
}

void BenchHttp1Connection::OnEnd() {
  if (!busy_) {
    socket_.Close();
    return events_.OnClosed(*this, "");
  }
  if (answer_.started() && answer_.FeedEnd() == AnswerReader::Progress::kDone) return Answered();
  Fail(answer_.started() ? "connection closed in the middle of an answer"
                         : "connection closed without an answer");
}

void BenchHttp1Connection::Answered() {
  // An answer before the whole request was read: the rest would be taken for another request.
  const bool keep = answer_.keep_alive() && unsent_.empty();
  busy_ = false;
  unsent_ = {};
  if (!keep) socket_.Close();
  events_.OnAnswer(*this, 0,
                   {.http_status = answer_.status(),
                    .message = {},
                    .body = answer_.kept_body(),
                    .kept_header = answer_.kept_header_value(),
                    .body_bytes = answer_.body_bytes()});
  if (!keep) events_.OnClosed(*this, "");
}

}  // namespace slipway::app

#include "app/bench/http2_connection.h"

#include <sys/epoll.h>
#include <sys/uio.h>

#include <cerrno>
#include <charconv>

#include "base/str_cat.h"
#include "net/grpc_wire.h"

namespace slipway::app {
namespace {

int ParseNumber(std::string_view text) {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

void BenchHttp2Connection::Close() {
  session_.reset();
  socket_.Close();
  busy_ = 0;
  for (Call& call : calls_) call.stream = 0;
}

void BenchHttp2Connection::Fail(std::string_view what, int error_number) {
  const std::string reason(what);  // it may lie in the session
  Close();
  socket_.Fail(reason, error_number);
  events_.OnClosed(*this, socket_.failure());
}

void BenchHttp2Connection::Open() {
  if (!socket_.Open(setup_, this)) events_.OnClosed(*this, socket_.failure());
}

void BenchHttp2Connection::Connected() {
  if (setup_.server.tls != nullptr && socket_.transport().tls()->protocol() != "h2") {
    return Fail("the server does not speak HTTP/2 inside TLS (ALPN)");
  }
  auto session = net::Http2ClientSession::Create(*this);
  if (!session.ok()) return Fail(session.status().message());
  session_ = *std::move(session);
  corked_ = true;
  events_.OnConnected(*this);
  corked_ = false;
  Flush();
}

void BenchHttp2Connection::Send(size_t slot, const WireRequest& request) {
  Call& call = calls_[slot];
  const auto stream = session_->Submit(request.fields, request.bytes, slot);
  if (!stream.ok()) {
    return events_.OnRequestFailed(*this, slot, stream.status().message());
  }
  call.stream = *stream;
  call.http_status = 0;
  call.grpc_status = -1;
  call.body_bytes = 0;
  call.message.clear();
  call.body.clear();
  call.kept_header.clear();
  ++busy_;
  if (!corked_) Flush();
}

void BenchHttp2Connection::Abandon(size_t slot) {
  if (session_ == nullptr || calls_[slot].stream == 0) return;
  session_->Reset(calls_[slot].stream);
  calls_[slot].stream = 0;
  --busy_;
  Flush();
}

void BenchHttp2Connection::OnEvents(uint32_t events) {
  if (closed()) return;
  if (session_ == nullptr) {
    if (!socket_.Continue()) return events_.OnClosed(*this, socket_.failure());
    if (socket_.state() == BenchSocket::State::kOpen) Connected();
    return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ReadMore();
  if (session_ == nullptr) return;
  if (session_->closing() && !busy()) {
    Close();
    return events_.OnClosed(*this, "");
  }
  Flush();
}

void BenchHttp2Connection::ReadMore() {
  const std::span<char> room = setup_.scratch;
  net::Transport& transport = socket_.transport();
  while (true) {
    const ssize_t got = transport.Receive(reinterpret_cast<std::byte*>(room.data()), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0 && busy()) return Fail("connection lost", errno);
    if (got <= 0 && busy()) return Fail("connection closed without an answer");
    if (got <= 0) {
      Close();
      return events_.OnClosed(*this, "");
    }
    const auto size = static_cast<size_t>(got);
    corked_ = true;
    const base::Status status = session_->Receive({room.data(), size});
    corked_ = false;
    if (!status.ok()) return Fail(status.message());
    // A short read emptied the socket: what comes later is another edge.
    if (size < room.size() && !transport.pending()) return;
  }
}

void BenchHttp2Connection::Flush() {
  for (std::string_view out = session_->Output(); !out.empty(); out = session_->Output()) {
    const iovec piece{.iov_base = const_cast<char*>(out.data()), .iov_len = out.size()};
    const ssize_t sent = socket_.transport().Send({&piece, 1});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return Fail("send", errno);
    session_->Sent(static_cast<size_t>(sent));
  }
}

void BenchHttp2Connection::OnField(int32_t stream, size_t tag, std::string_view name,
                                   std::string_view value) {
  Call& call = calls_[tag];
  if (call.stream != stream) return;  // abandoned
  if (name == ":status") {
    call.http_status = ParseNumber(value);
  } else if (grpc_ && name == "grpc-status") {
    call.grpc_status = ParseNumber(value);
  } else if (grpc_ && name == "grpc-message") {
    call.message = value.substr(0, setup_.max_kept_bytes);
  } else if (!setup_.kept_header.empty() && name == setup_.kept_header) {
    call.kept_header = value;
  }
}

void BenchHttp2Connection::OnBody(int32_t stream, size_t tag, std::string_view bytes) {
  Call& call = calls_[tag];
  if (call.stream != stream) return;
  call.body_bytes += bytes.size();
  if (call.body.size() < setup_.max_kept_bytes) {
    call.body.append(bytes.substr(0, setup_.max_kept_bytes - call.body.size()));
  }
}

void BenchHttp2Connection::OnEnd(int32_t stream, size_t tag, uint32_t error_code) {
  Call& call = calls_[tag];
  if (call.stream != stream) return;
  call.stream = 0;
  --busy_;
  if (error_code != 0 && call.grpc_status < 0) {
    return events_.OnRequestFailed(*this, tag,
                                   base::StrCat("stream reset: ", net::Http2ErrorName(error_code)));
  }
  const bool http_ok = call.http_status >= 200 && call.http_status <= 299;
  if (grpc_ && http_ok && call.grpc_status < 0) {
    return events_.OnRequestFailed(*this, tag, "an answer without a gRPC status");
  }
  std::string_view body = call.body;
  if (grpc_) body.remove_prefix(std::min<size_t>(net::GrpcPrefix::kBytes, body.size()));
  events_.OnAnswer(*this, tag,
                   {.http_status = call.http_status,
                    .grpc_status = call.grpc_status,
                    .message = call.message,
                    .body = body,
                    .kept_header = call.kept_header,
                    .body_bytes = call.body_bytes});
}

}  // namespace slipway::app

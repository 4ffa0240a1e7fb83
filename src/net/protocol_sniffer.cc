#include "net/protocol_sniffer.h"

#include <cerrno>

#include "net/http1_connection.h"
#include "net/http2_connection.h"

namespace slipway::net {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0";  // RFC 9113 section 3.4
constexpr std::string_view kTlsHandshake = "\x16\x03";        // RFC 8446 section 5.1

// Whether `text` begins with `magic`, or might once more bytes are there.
bool MayBeginWith(std::string_view text, std::string_view magic) {
  return text.substr(0, magic.size()) == magic.substr(0, text.size());
}

}  // namespace

Protocol SniffProtocol(std::string_view first_bytes) {
  if (first_bytes.empty()) return Protocol::kUndecided;
  if (MayBeginWith(first_bytes, kHttp2Preface)) {
    return first_bytes.size() < kHttp2Preface.size() ? Protocol::kUndecided : Protocol::kHttp2;
  }
  if (MayBeginWith(first_bytes, kTlsHandshake)) {
    return first_bytes.size() < kTlsHandshake.size() ? Protocol::kUndecided : Protocol::kTls;
  }
  return Protocol::kHttp1;
}

void ProtocolSniffer::Start() {
  SetTimer(io_.limits.idle_timeout);
  if (!io_.loop.Add(client_.transport.fd(), kEvents, this).ok()) Abort();
}

void ProtocolSniffer::SetTimer(std::chrono::milliseconds delay) {
  io_.loop.CancelTimer(timer_);
  timer_ = io_.loop.AddTimer(delay, [this] {
    timer_ = 0;
    io_.counters.timeouts.Add(1);
    Abort();
  });
}

void ProtocolSniffer::OnEvents(uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Abort();
  if ((events & (EPOLLIN | EPOLLRDHUP)) == 0) return;
  char bytes[kHttp2Preface.size()];
  const ssize_t size = client_.transport.Peek(bytes, sizeof(bytes));
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return Abort();
  Protocol protocol = SniffProtocol({bytes, static_cast<size_t>(size)});
  // No more will come, or it is for HTTP/1 to say what is wrong.
  if (protocol == Protocol::kUndecided && (events & EPOLLRDHUP) != 0) protocol = Protocol::kHttp1;
  if (protocol != Protocol::kUndecided) return Replace(protocol);
  if (!undecided_) SetTimer(io_.limits.header_deadline);
  undecided_ = true;
}

void ProtocolSniffer::BeginDrain() {
  OnEvents(EPOLLIN);  // a request may have come just now: it gets its answer
  if (client_.transport.open()) Abort();
}

void ProtocolSniffer::Replace(Protocol protocol) {
  io_.loop.CancelTimer(timer_);
  if (protocol == Protocol::kHttp2) {
    auto connection = std::make_unique<Http2Connection>(io_, std::move(client_));
    Http2Connection& http2 = *connection;
    io_.host.Adopt(std::move(connection));
    io_.host.Retire(*this);
    return http2.Start(true);
  }
  auto connection = std::make_unique<Http1Connection>(io_, std::move(client_));
  Http1Connection& http1 = *connection;
  io_.host.Adopt(std::move(connection));
  io_.host.Retire(*this);
  if (protocol == Protocol::kTls) {
    http1.StartRefused(true, {400, "this port does not speak TLS; use http://"});
  } else {
    http1.Start(true);
  }
}

void ProtocolSniffer::Abort() {
  if (!client_.transport.open()) return;
  io_.loop.Remove(client_.transport.fd(), this);
  io_.loop.CancelTimer(timer_);
  client_.transport.Close();
  client_.ticket.Release();
  io_.host.Retire(*this);
}

}  // namespace slipway::net

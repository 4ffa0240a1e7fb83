#include "net/protocol_sniffer.h"

#include <cerrno>

#include "net/http1_connection.h"
#include "net/tls_handshake.h"

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

void StartProtocol(IoContext& io, Client client, std::string_view protocol) {
  if (protocol.empty()) {
    client.tls_mode = TlsMode::kOff;  // no TLS inside TLS
    auto sniffer = std::make_unique<ProtocolSniffer>(io, std::move(client));
    ProtocolSniffer& started = *sniffer;
    io.host.Adopt(std::move(sniffer));
    return started.Start(true);
  }
  auto connection = std::make_unique<Http1Connection>(io, std::move(client));
  Http1Connection& http1 = *connection;
  io.host.Adopt(std::move(connection));
  http1.Start(true);
  http1.OnEvents(EPOLLIN);  // a request may have come with the end of the handshake
}

void ProtocolSniffer::Start(bool registered) {
  SetTimer(io_.limits.idle_timeout);
  const int fd = client_.transport.fd();
  const base::Status status =
      registered ? io_.loop.Modify(fd, kEvents, this) : io_.loop.Add(fd, kEvents, this);
  if (!status.ok()) return Abort();
  if (registered) OnEvents(EPOLLIN);
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
  const TlsMode mode = client_.tls_mode;
  const bool encrypted = client_.transport.tls() != nullptr;
  if (protocol == Protocol::kTls && mode != TlsMode::kOff) {
    auto handshake = std::make_unique<TlsHandshake>(io_, std::move(client_));
    TlsHandshake& started = *handshake;
    io_.host.Adopt(std::move(handshake));
    io_.host.Retire(*this);
    return started.Start();
  }
  auto connection = std::make_unique<Http1Connection>(io_, std::move(client_));
  Http1Connection& http1 = *connection;
  io_.host.Adopt(std::move(connection));
  io_.host.Retire(*this);
  if (mode == TlsMode::kRequired) {
    http1.StartRefused(true, {400, "this port speaks TLS; use https://"});
  } else if (protocol == Protocol::kHttp2) {
    http1.StartRefused(true, {505, "HTTP/2 is not supported on this port; use HTTP/1.1"});
  } else if (protocol == Protocol::kTls) {
    http1.StartRefused(true, {400, "this port does not speak TLS; use http://"});
  } else {
    http1.Start(true);
    if (encrypted) http1.OnEvents(EPOLLIN);  // what was sniffed at is no longer in the socket
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

#include "net/protocol_sniffer.h"

#include <cerrno>

#include "net/http1_connection.h"
#include "net/http2_connection.h"
#include "net/tls_handshake.h"

namespace slipway::net {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0";  // RFC 9113 section 3.4
constexpr std::string_view kTlsHandshake = "\x16\x03";        // RFC 8446 section 5.1

// Whether `text` begins with `magic`, or might once more bytes are there.
bool MayBeginWith(std::string_view text, std::string_view magic) {
  return text.substr(0, magic.size()) == magic.substr(0, text.size());
}

template <typename T>
T& Adopt(IoContext& io, Client client) {
  auto connection = std::make_unique<T>(io, std::move(client));
  T& adopted = *connection;
  io.host.Adopt(std::move(connection));
  return adopted;
}

// `encrypted`: bytes may have come already that are no longer in the socket.
void StartConnection(IoContext& io, Client client, Protocol protocol, bool encrypted) {
  const auto start = [encrypted](auto& connection) {
    connection.Start(true);
    if (encrypted) connection.OnEvents(EPOLLIN);
  };
  if (protocol == Protocol::kHttp2) {
    start(Adopt<Http2Connection>(io, std::move(client)));
  } else {
    start(Adopt<Http1Connection>(io, std::move(client)));
  }
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
    return Adopt<ProtocolSniffer>(io, std::move(client)).Start(true);
  }
  StartConnection(io, std::move(client), protocol == "h2" ? Protocol::kHttp2 : Protocol::kHttp1,
                  true);
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
  io_.host.Retire(*this);
  if (protocol == Protocol::kTls && mode != TlsMode::kOff) {
    return Adopt<TlsHandshake>(io_, std::move(client_)).Start();
  }
  if (mode == TlsMode::kRequired) {
    return Adopt<Http1Connection>(io_, std::move(client_))
        .StartRefused(true, {400, "this port speaks TLS; use https://"});
  }
  if (protocol == Protocol::kTls) {
    return Adopt<Http1Connection>(io_, std::move(client_))
        .StartRefused(true, {400, "this port does not speak TLS; use http://"});
  }
  StartConnection(io_, std::move(client_), protocol, encrypted);
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

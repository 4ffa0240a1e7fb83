#include "net/acceptor.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "net/http1_connection.h"

namespace slipway::net {
namespace {

constexpr int kAcceptsPerRound = 64;
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kWarnInterval{10};

// A fatal alert, which a client understands in the middle of its handshake (RFC 8446 section 6).
constexpr std::string_view kTlsInternalError("\x15\x03\x03\x00\x02\x02\x50", 7);

}  // namespace

Acceptor::Acceptor(IoContext& io, ConnectionLimiter& limiter, SpareDescriptor& spare,
                   base::UniqueFd listener, bool shared, TlsMode tls)
    : io_(io),
      limiter_(limiter),
      spare_(spare),
      listener_(std::move(listener)),
      shared_(shared),
      tls_(tls) {}

Acceptor::~Acceptor() = default;

base::Status Acceptor::Start() {
  return io_.loop.Add(listener_.get(), EPOLLIN | (shared_ ? EPOLLEXCLUSIVE : 0U), this);
}

void Acceptor::Stop() {
  if (!listener_.valid()) return;
  io_.loop.CancelTimer(pause_timer_);
  io_.loop.Remove(listener_.get(), this);
  while (AcceptOne() == Next::kMore) {
  }
  listener_.Reset();
}

void Acceptor::OnEvents(uint32_t /*events*/) {
  Next next = Next::kMore;
  for (int i = 0; i < kAcceptsPerRound && next == Next::kMore; ++i) next = AcceptOne();
  if (next == Next::kNoDescriptor) Pause();
}

Acceptor::Next Acceptor::AcceptOne() {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  int error = 0;
  base::UniqueFd fd = spare_.Accept(listener_.get(), address, &size, error);
  if (!fd.valid()) return OnAcceptError(error);
  io_.counters.accepted.Add(1);
  const SocketAddress peer(address, size);
  const bool unix_socket = peer.family() != AF_INET && peer.family() != AF_INET6;
  const uint64_t client = unix_socket ? 0 : peer.ClientKey();
  ConnectionTicket ticket;
  switch (limiter_.Admit(client, ticket)) {
    case ConnectionLimiter::Verdict::kTooMany:
      Refuse(std::move(fd),
             {503, "the server has as many connections as it may (max_connections)"});
      return Next::kMore;
    case ConnectionLimiter::Verdict::kTooManyOfClient:
      Refuse(std::move(fd),
             {429, "this address has as many connections as it may (max_connections_per_address)"});
      return Next::kMore;
    case ConnectionLimiter::Verdict::kAdmitted:
      break;
  }
  io_.host.Place(Client{.transport = Transport(std::move(fd)),
                        .peer = unix_socket ? "unix" : peer.ToString(),
                        .number = client,
                        .ticket = std::move(ticket),
                        .tls_mode = tls_});
  return Next::kMore;
}

Acceptor::Next Acceptor::OnAcceptError(int error_number) {
  if (error_number == ECONNABORTED || error_number == EINTR || error_number == EPROTO) {
    return Next::kMore;
  }
  if (error_number == EAGAIN) return Next::kNobodyWaits;
  if (std::exchange(warn_again_at_, io_.loop.round_time() + kWarnInterval) <=
      io_.loop.round_time()) {
    io_.log.Warn("cannot accept connections; is the limit of open files too low?",
                 {{"error", base::ErrnoStatus(error_number, "accept4").message()}});
  }
  switch (spare_.TurnAway(listener_.get())) {
    case SpareDescriptor::TurnedAway::kOne:
      io_.counters.refused.Add(1);
      return Next::kMore;
    case SpareDescriptor::TurnedAway::kNobodyWaits:
      return Next::kNobodyWaits;
    case SpareDescriptor::TurnedAway::kNoSpare:
      break;
  }
  return Next::kNoDescriptor;
}

// Answers without a place in the books. The answer fits into any socket buffer; what the client has
// sent by now is read, so that closing does not reset the connection before it reads the answer.
void Acceptor::Refuse(base::UniqueFd fd, const HttpError& error) {
  io_.counters.refused.Add(1);
  HttpResponse response;
  SetError(response, error.status, error.message);
  std::string text;
  AppendResponseHead(response,
                     {.length = response.body.size(),
                      .connection = ResponseFrame::Connection::kClose,
                      .coding = {},
                      .date = io_.date.At(io_.loop.round_time())},
                     text);
  text += response.body;
  if (tls_ == TlsMode::kRequired) text = kTlsInternalError;
  ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  ::shutdown(fd.get(), SHUT_WR);
  char ignored[4096];
  [[maybe_unused]] const ssize_t received = ::recv(fd.get(), ignored, sizeof(ignored), 0);
}

void Acceptor::Pause() {
  io_.loop.Remove(listener_.get(), this);
  pause_timer_ = io_.loop.AddTimer(kPause, [this] {
    pause_timer_ = 0;
    if (!Start().ok()) Pause();
  });
}

}  // namespace slipway::net

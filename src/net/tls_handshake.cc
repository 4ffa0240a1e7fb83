#include "net/tls_handshake.h"

#include <cerrno>
#include <functional>
#include <string>
#include <utility>

#include "net/protocol_sniffer.h"
#include "net/tls_context.h"

namespace slipway::net {
namespace {

// How long a client whose handshake failed may take to notice.
constexpr std::chrono::milliseconds kLingerTime{1'000};

// Client::number of who has that certificate. A certificate that is renewed keeps its names.
uint64_t Number(const TlsIdentity& identity) {
  return std::hash<std::string>{}(identity.uris.empty() ? identity.subject : identity.uris.front());
}

}  // namespace

void TlsHandshake::Start() {
  auto session = io_.tls->Accept(client_.transport.fd(), io_.tls_buffers);
  if (session == nullptr || !io_.loop.Modify(client_.transport.fd(), kEvents, this).ok()) {
    return Close();
  }
  client_.transport.StartTls(std::move(session));
  SetTimer(io_.limits.handshake_timeout);
}

void TlsHandshake::OnEvents(uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Close();
  if (lingering_) return DiscardInput();
  if (posted_) return;
  if (io_.handshakes.Begin(io_.loop.round())) return Continue();
  posted_ = true;
  io_.loop.Post([this] {
    posted_ = false;
    if (client_.transport.open()) {
      OnEvents(0);
    } else {
      RetireIfDone();
    }
  });
}

// Whoever is not through by now has not sent a request either.
void TlsHandshake::BeginDrain() {
  if (!client_.transport.open() || lingering_) return;
  Continue();
  if (client_.transport.open()) Close();
}

void TlsHandshake::Abort() { Close(); }

void TlsHandshake::Continue() {
  switch (client_.transport.tls()->ContinueHandshake()) {
    case TlsSession::Progress::kWantRead:
    case TlsSession::Progress::kWantWrite:
      return;
    case TlsSession::Progress::kDone:
      return Succeed();
    case TlsSession::Progress::kFailed:
      return Fail();
  }
}

void TlsHandshake::Succeed() {
  TlsSession& session = *client_.transport.tls();
  io_.loop.CancelTimer(std::exchange(timer_, 0));
  (session.resumed() ? io_.counters.tls_resumed : io_.counters.tls_handshakes).Add(1);
  client_.identity = session.PeerIdentity();
  if (client_.identity != nullptr) client_.number = Number(*client_.identity);
  StartProtocol(io_, std::move(client_), session.protocol());
  RetireIfDone();
}

void TlsHandshake::Fail() {
  io_.counters.tls_failures.Add(1);
  io_.log.Debug("TLS handshake failed",
                {{"peer", client_.peer}, {"error", client_.transport.tls()->error()}});
  // A client may still be sending what it thought was the beginning of a connection. To close over
  // that would reset the connection and take the alert away from it.
  lingering_ = true;
  client_.transport.EndOutput();
  SetTimer(kLingerTime);
  DiscardInput();
}

void TlsHandshake::DiscardInput() {
  char ignored[4096];
  ssize_t size = 0;
  while ((size = ::recv(client_.transport.fd(), ignored, sizeof(ignored), 0)) > 0) {
  }
  if (size == 0 || errno != EAGAIN) Close();
}

void TlsHandshake::SetTimer(std::chrono::milliseconds delay) {
  io_.loop.CancelTimer(timer_);
  timer_ = io_.loop.AddTimer(delay, [this] {
    timer_ = 0;
    if (!lingering_) io_.counters.timeouts.Add(1);
    Close();
  });
}

void TlsHandshake::Close() {
  if (!client_.transport.open()) return;
  io_.loop.Remove(client_.transport.fd(), this);
  io_.loop.CancelTimer(std::exchange(timer_, 0));
  client_.transport.Close();
  client_.ticket.Release();
  RetireIfDone();
}

// A posted Continue() still points here.
void TlsHandshake::RetireIfDone() {
  if (!posted_) io_.host.Retire(*this);
}

}  // namespace slipway::net

#include "net/io_thread.h"

#include <utility>

#include "base/executor.h"
#include "base/str_cat.h"
#include "net/protocol_sniffer.h"

namespace slipway::net {

base::Result<std::unique_ptr<IoThread>> IoThread::Create(const Shared& shared,
                                                         const HttpHandlerFactory& make_handler) {
  SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create(shared.clock));
  std::unique_ptr<IoThread> thread(new IoThread(std::move(loop), shared));
  thread->handler_ = make_handler(*thread->loop_);
  thread->context_.handler = thread->handler_.get();
  return thread;
}

IoThread::IoThread(std::unique_ptr<EventLoop> loop, const Shared& shared)
    : loop_(std::move(loop)),
      limiter_(shared.limiter),
      spare_(shared.spare),
      balancer_(shared.balancer),
      context_(*loop_, *this, shared.limits, shared.budget, shared.clock, shared.log) {
  context_.tls = shared.tls;
}

IoThread::~IoThread() {
  Stop();
  context_.exchanges.ForgetCallbacks();
  context_.http2.ForgetHandlers();
  handler_.reset();
}

base::Status IoThread::Listen(base::UniqueFd listener, bool shared_listener, TlsMode tls) {
  acceptors_.push_back(std::make_unique<Acceptor>(context_, limiter_, spare_, std::move(listener),
                                                  shared_listener, tls));
  return acceptors_.back()->Start();
}

void IoThread::Start(size_t number) {
  thread_ = std::thread([this, number] {
    base::SetThreadName(base::StrCat("slipway-io-", number));
    base::TakeShortTimeSlices();
    loop_->Run();
    AbortAll();
  });
}

void IoThread::Stop() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
}

void IoThread::AnnounceClose() {
  loop_->Post([this] { context_.closing = true; });
}

void IoThread::Drain() {
  loop_->Post([this] { DrainAll(); });
}

void IoThread::DrainAll() {
  context_.closing = true;
  context_.draining = true;
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) acceptor->Stop();
  // What Stop() took in is at the end and has sent nothing yet, perhaps; it is ended like the
  // others.
  for (size_t i = 0; i < connections_.size(); ++i) connections_[i]->BeginDrain();
}

void IoThread::AbortAll() {
  for (size_t i = 0; i < connections_.size(); ++i) connections_[i]->Abort();
}

void IoThread::Begin(Client client) {
  auto sniffer = std::make_unique<ProtocolSniffer>(context_, std::move(client));
  ProtocolSniffer& started = *sniffer;
  Adopt(std::move(sniffer));
  started.Start(false);
}

void IoThread::BeginLater(Client client) {
  Count(1);
  // std::function copies what it holds, and a client cannot be copied.
  loop_->Post([this, client = std::make_shared<Client>(std::move(client))] {
    Uncount(1);  // Adopt() counts it
    Begin(std::move(*client));
    // It was accepted before the drain, which has missed it.
    if (context_.draining) connections_.back()->BeginDrain();
  });
}

void IoThread::Adopt(std::unique_ptr<Connection> connection) {
  connection->index_ = connections_.size();
  connections_.push_back(std::move(connection));
  Count(1);
}

void IoThread::Retire(Connection& connection) {
  loop_->AtEndOfRound([this, retired = &connection] { Destroy(*retired); });
}

void IoThread::Destroy(Connection& connection) {
  const size_t index = connection.index_;
  connections_.back()->index_ = index;
  std::swap(connections_[index], connections_.back());
  connections_.pop_back();
  Uncount(1);
}

}  // namespace slipway::net

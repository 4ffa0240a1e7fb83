#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "net/acceptor.h"
#include "net/connection.h"
#include "net/connection_balancer.h"
#include "net/io_context.h"

namespace slipway::net {

// One IO thread: an event loop, its handler, its listeners and its connections. Made and started by
// Server; Drain() and counters() may be called from any thread.
class IoThread final : public ConnectionHost, public ConnectionBalancer::Member {
 public:
  struct Shared {  // with the other IO threads; outlives them
    const Limits& limits;
    ByteBudget& budget;
    ConnectionLimiter& limiter;
    SpareDescriptor& spare;
    ConnectionBalancer& balancer;  // has this thread as a member, and all others
    base::Clock& clock;
    base::Logger& log;
    TlsContext* tls;
  };

  static base::Result<std::unique_ptr<IoThread>> Create(const Shared& shared,
                                                        const HttpHandlerFactory& make_handler);
  ~IoThread() override;

  // Before Start().
  base::Status Listen(base::UniqueFd listener, bool shared_listener, TlsMode tls);
  void Start(size_t number);
  void AnnounceClose();
  void Drain();
  // Stops at once: connections are closed, handlers told, the thread joined. Until all threads of a
  // server have stopped, others may hand connections to this one.
  void Stop();
  EventLoop& loop() { return *loop_; }
  const IoContext& context() const { return context_; }

  void Place(Client client) override { balancer_.Place(*this, std::move(client)); }
  void Begin(Client client) override;
  void BeginLater(Client client) override;
  void Adopt(std::unique_ptr<Connection> connection) override;
  void Retire(Connection& connection) override;

 private:
  IoThread(std::unique_ptr<EventLoop> loop, const Shared& shared);
  void Destroy(Connection& connection);
  void AbortAll();
  void DrainAll();

  // In the order in which the destructor needs them: handlers go before connections, those before
  // the exchanges and the loop.
  const std::unique_ptr<EventLoop> loop_;
  ConnectionLimiter& limiter_;
  SpareDescriptor& spare_;
  ConnectionBalancer& balancer_;
  IoContext context_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unique_ptr<HttpHandler> handler_;
  std::thread thread_;
};

}  // namespace slipway::net

#include "net/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/str_cat.h"
#include "net/buffer_pool.h"
#include "net/connection_balancer.h"
#include "net/connection_limiter.h"
#include "net/io_thread.h"
#include "net/tls_context.h"

namespace slipway::net {
namespace {

// What the kernel holds for a client that does not take it goes with the connection after `limit`,
// also when we have closed it or take it for idle. Connections have it from their listener; a Unix
// socket needs none, as nothing outlives its close().
void LetGoOfThoseThatDoNotRead(int listener, std::chrono::milliseconds limit) {
  const auto value = static_cast<unsigned>(limit.count());
  ::setsockopt(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof(value));
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const Options& options, base::Clock& clock, base::Logger& log)
      : limits_(options.limits),
        own_budget_(limits_.max_buffered_bytes),
        budget_(options.budget != nullptr ? *options.budget : own_budget_),
        limiter_(limits_),
        shared_{limits_, budget_, limiter_, spare_, balancer_, clock, log, options.tls} {}
  ~ServerImpl() override;

  base::Status Start(const Options& options, const HttpHandlerFactory& make_handler);

  std::vector<ListenAddress> addresses() const override { return addresses_; }
  std::vector<EventLoop*> loops() const override;
  ServerStats stats() const override;
  void BeginClosing() override;
  void BeginDrain() override;
  bool WaitDrained(std::chrono::milliseconds limit) override {
    return limiter_.WaitUntilNone(limit);
  }

 private:
  base::Status ListenAt(ListenAddress address);
  TlsMode ModeOf(const ListenAddress& address) const;

  const Limits limits_;
  ByteBudget own_budget_;
  ByteBudget& budget_;
  ConnectionLimiter limiter_;
  SpareDescriptor spare_;
  ConnectionBalancer balancer_;
  const IoThread::Shared shared_;
  std::vector<ListenAddress> addresses_;
  std::vector<std::unique_ptr<IoThread>> threads_;
};

ServerImpl::~ServerImpl() {
  for (const std::unique_ptr<IoThread>& thread : threads_) thread->Stop();
  threads_.clear();
  for (const ListenAddress& address : addresses_) {
    if (address.unix_socket()) ::unlink(address.text.c_str() + std::strlen("unix:"));
  }
}

base::Status ServerImpl::Start(const Options& options, const HttpHandlerFactory& make_handler) {
  for (size_t i = 0; i < options.io_threads; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<IoThread> thread,
                             IoThread::Create(shared_, make_handler));
    balancer_.Add(*thread);
    threads_.push_back(std::move(thread));
  }
  for (const ListenAddress& address : options.listen) SLIPWAY_RETURN_IF_ERROR(ListenAt(address));
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i]->Start(i);
  return base::OkStatus();
}

// TCP: a socket per loop, and the kernel spreads the connections. Unix: one socket for all loops.
base::Status ServerImpl::ListenAt(ListenAddress address) {
  if (address.scheme == ListenAddress::Scheme::kHttps && shared_.tls == nullptr) {
    return base::InvalidArgument(
        base::StrCat("listen on 'https=", address.text, "': TLS needs a certificate and a key"));
  }
  const TlsMode tls = ModeOf(address);
  address.scheme =
      tls == TlsMode::kOff ? ListenAddress::Scheme::kHttp : ListenAddress::Scheme::kHttps;
  SLIPWAY_RETURN_IF_ERROR(CheckFree(address));
  const bool several = threads_.size() > 1;
  SLIPWAY_ASSIGN_OR_RETURN(base::UniqueFd first, net::Listen(address, several));
  LetGoOfThoseThatDoNotRead(first.get(), limits_.write_timeout);
  addresses_.push_back(address);
  for (size_t i = 1; i < threads_.size(); ++i) {
    base::UniqueFd fd;
    if (address.unix_socket()) {
      fd.Reset(::fcntl(first.get(), F_DUPFD_CLOEXEC, 0));
      if (!fd.valid()) return base::ErrnoStatus(errno, "fcntl");
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(fd, net::Listen(address, several));
      LetGoOfThoseThatDoNotRead(fd.get(), limits_.write_timeout);
    }
    SLIPWAY_RETURN_IF_ERROR(threads_[i]->Listen(std::move(fd), address.unix_socket(), tls));
  }
  return threads_[0]->Listen(std::move(first), several && address.unix_socket(), tls);
}

TlsMode ServerImpl::ModeOf(const ListenAddress& address) const {
  switch (address.scheme) {
    case ListenAddress::Scheme::kHttp:
      return TlsMode::kOff;
    case ListenAddress::Scheme::kHttps:
      return TlsMode::kRequired;
    case ListenAddress::Scheme::kAny:
      break;
  }
  if (shared_.tls == nullptr || address.unix_socket()) return TlsMode::kOff;
  return shared_.tls->options().allow_plaintext ? TlsMode::kOptional : TlsMode::kRequired;
}

std::vector<EventLoop*> ServerImpl::loops() const {
  std::vector<EventLoop*> loops;
  loops.reserve(threads_.size());
  for (const std::unique_ptr<IoThread>& thread : threads_) loops.push_back(&thread->loop());
  return loops;
}

ServerStats ServerImpl::stats() const {
  ServerStats stats;
  stats.connections_open = limiter_.open();
  stats.buffered_bytes = budget_.used();
  for (const std::unique_ptr<IoThread>& thread : threads_) {
    const IoCounters& counters = thread->context().counters;
    stats.connections_accepted += counters.accepted.value();
    stats.connections_refused += counters.refused.value();
    stats.requests += counters.requests.value();
    stats.protocol_errors += counters.protocol_errors.value();
    stats.timeouts += counters.timeouts.value();
    stats.bytes_received += counters.bytes_received.value();
    stats.bytes_sent += counters.bytes_sent.value();
    stats.tls_handshakes += counters.tls_handshakes.value();
    stats.tls_resumed += counters.tls_resumed.value();
    stats.tls_failures += counters.tls_failures.value();
    stats.buffered_bytes += thread->context().buffers.block_bytes();
  }
  return stats;
}

void ServerImpl::BeginClosing() {
  for (const std::unique_ptr<IoThread>& thread : threads_) thread->AnnounceClose();
}

void ServerImpl::BeginDrain() {
  for (const std::unique_ptr<IoThread>& thread : threads_) thread->Drain();
}

base::Status CheckPositive(std::initializer_list<std::pair<const char*, uint64_t>> fields) {
  for (const auto& [name, value] : fields) {
    if (value == 0) return base::InvalidArgument(base::StrCat(name, ": expected more than 0"));
  }
  return base::OkStatus();
}

}  // namespace

base::Status Limits::Validate() const {
  const auto positive = [](std::chrono::milliseconds time) {
    return time.count() > 0 ? static_cast<uint64_t>(time.count()) : 0;
  };
  SLIPWAY_RETURN_IF_ERROR(
      CheckPositive({{"max_header_bytes", max_header_bytes},
                     {"max_header_count", max_header_count},
                     {"max_target_bytes", max_target_bytes},
                     {"header_deadline", positive(header_deadline)},
                     {"handshake_timeout", positive(handshake_timeout)},
                     {"idle_timeout", positive(idle_timeout)},
                     {"write_timeout", positive(write_timeout)},
                     {"max_body_bytes", max_body_bytes},
                     {"max_decompressed_bytes", max_decompressed_bytes},
                     {"max_decompression_ratio", max_decompression_ratio},
                     {"max_connections", max_connections},
                     {"max_connections_per_address", max_connections_per_address},
                     {"max_buffered_bytes", max_buffered_bytes},
                     {"max_pipelined", max_pipelined},
                     {"max_streams", max_streams},
                     {"max_resets_per_second", max_resets_per_second}}));
  // RFC 9113 section 6.9.1; smaller windows than the protocol begins with would only cost round
  // trips.
  constexpr size_t kSmallestWindow = 65'535;
  constexpr size_t kLargestWindow = INT32_MAX;
  for (const auto& [name, value] :
       {std::pair("stream_window_bytes", stream_window_bytes),
        std::pair("connection_window_bytes", connection_window_bytes)}) {
    if (value < kSmallestWindow || value > kLargestWindow) {
      return base::InvalidArgument(base::StrCat(name, ": expected ", kSmallestWindow, " to ",
                                                kLargestWindow, ", got ", value));
    }
  }
  if (max_streams > kLargestWindow) {
    return base::InvalidArgument(
        base::StrCat("max_streams: expected at most ", kLargestWindow, ", got ", max_streams));
  }
  return base::OkStatus();
}

base::Result<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                    const HttpHandlerFactory& make_handler,
                                                    base::Clock& clock, base::Logger& log) {
  SLIPWAY_RETURN_IF_ERROR(options.limits.Validate().WithContext("limits"));
  SLIPWAY_RETURN_IF_ERROR(CheckPositive({{"io_threads", options.io_threads}}));
  if (options.listen.empty()) return base::InvalidArgument("listen: expected at least one address");
  auto server = std::make_unique<ServerImpl>(options, clock, log);
  SLIPWAY_RETURN_IF_ERROR(server->Start(options, make_handler));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace slipway::net

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "net/load_process.h"
#include "net/server.h"
#include "net/socket_address.h"
#include "net/testing/tls_fixture.h"
#include "net/tls_client.h"
#include "net/transport.h"

namespace slipway::net {
namespace {

// Answers every request with 130 bytes of JSON, at once.
class HelloHandler final : public HttpHandler {
 public:
  void OnRequest(Exchange& exchange) override {
    exchange.response().content_type = "application/json";
    exchange.response().body.assign(130, ' ');
    exchange.Send();
  }
};

void SendAll(Transport& transport, const std::string& request) {
  for (size_t sent = 0; sent < request.size();) {
    const iovec piece{.iov_base = const_cast<char*>(request.data()) + sent,
                      .iov_len = request.size() - sent};
    const ssize_t n = transport.Send({&piece, 1});
    if (n <= 0) ::_exit(1);
    sent += static_cast<size_t>(n);
  }
}

// The client's sockets block, but a session must not: it sends what it has written when there is
// nothing more to read.
void ShakeHands(Transport& transport, const TlsClientContext& tls, TlsBuffers& buffers) {
  ::fcntl(transport.fd(), F_SETFL, O_NONBLOCK);
  transport.StartTls(tls.Connect(transport.fd(), "127.0.0.1", buffers));
  TlsSession::Progress progress;
  while ((progress = transport.tls()->ContinueHandshake()) != TlsSession::Progress::kDone) {
    if (progress == TlsSession::Progress::kFailed) ::_exit(1);
    pollfd entry{.fd = transport.fd(), .events = POLLIN, .revents = 0};
    ::poll(&entry, 1, -1);
  }
  ::fcntl(transport.fd(), F_SETFL, 0);
}

// `connections` keep-alive connections with one request outstanding on each; makes `batch` requests
// each time it is told to.
void ServeLoad(LoadProcess::Commands& commands, const SocketAddress& where,
               const std::string& request, int connections, int batch, bool tls) {
  const auto client = TlsClientContext::Create({.insecure = true}, base::RealFileSystem());
  TlsBuffers buffers;
  const int epoll = ::epoll_create1(0);
  std::vector<Transport> transports;
  transports.reserve(static_cast<size_t>(connections));
  for (int i = 0; i < connections; ++i) {
    const int fd = ::socket(where.family(), SOCK_STREAM, 0);
    transports.emplace_back(base::UniqueFd(fd));
    if (fd < 0 || ::connect(fd, where.get(), where.size()) != 0) ::_exit(1);
    if (tls) ShakeHands(transports.back(), **client, buffers);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &transports.back();
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  std::byte answer[4096];
  while (commands.Wait()) {
    int to_send = batch;
    int to_come = batch;
    for (Transport& transport : transports) {
      SendAll(transport, request);
      --to_send;
    }
    while (to_come > 0) {
      epoll_event events[64];
      const int ready = ::epoll_wait(epoll, events, 64, -1);
      for (int i = 0; i < ready; ++i) {
        auto& transport = *static_cast<Transport*>(events[i].data.ptr);
        const ssize_t size = transport.Receive(answer, sizeof(answer));
        if (size < 0 && errno == EAGAIN) continue;  // a session ticket
        if (size <= 0) ::_exit(1);
        --to_come;
        if (to_send-- > 0) SendAll(transport, request);
      }
    }
    commands.Done();
  }
}

std::string PostRequest(size_t body_bytes) {
  return base::StrCat(
      "POST /v2/models/mlp/infer HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
      "Content-Type: application/json\r\nContent-Length: ",
      body_bytes, "\r\n\r\n", std::string(body_bytes, ' '));
}

// What the kernel alone costs: accepts, receives and answers with constant bytes, and never looks
// at them. The floor for any server that makes one system call per direction.
class BareServer {
 public:
  BareServer() : listener_(*Listen(address_, false)), epoll_(::epoll_create1(0)) {
    Watch(listener_.get(), EPOLLIN);
    Watch(stop_[0], EPOLLIN);
    thread_ = std::thread([this] { Run(); });
  }
  ~BareServer() {
    SLIPWAY_CHECK(::write(stop_[1], "", 1) == 1);
    thread_.join();
    for (const int fd : {stop_[0], stop_[1]}) ::close(fd);
  }
  std::string address() const { return address_.text; }

 private:
  void Watch(int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  void Run();

  ListenAddress address_{"127.0.0.1:0"};
  base::UniqueFd listener_;
  base::UniqueFd epoll_;
  int stop_[2] = {};
  [[maybe_unused]] const int piped_ = ::pipe(stop_);
  std::thread thread_;
};

void BareServer::Run() {
  std::vector<base::UniqueFd> clients;
  std::vector<char> received(16 * 1024);
  const std::string answer(251, ' ');  // about as long as the head and body of HelloHandler's
  while (true) {
    epoll_event events[256];
    const int ready = ::epoll_wait(epoll_.get(), events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_[0]) return;
      if (fd == listener_.get()) {
        clients.emplace_back(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK));
        Watch(clients.back().get(), EPOLLIN | EPOLLET);
      } else if (::recv(fd, received.data(), received.size(), 0) > 0) {
        ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

// Runs batches of requests for `body` bytes against `address`, and reports CPU time per request.
void Measure(benchmark::State& state, const std::string& address, size_t body, int connections,
             bool tls) {
  const int batch = body > 10'000 ? 1'000 : 50'000;
  LoadProcess load([&](LoadProcess::Commands& commands) {
    ServeLoad(commands, *SocketAddress::Parse(address), PostRequest(body), connections, batch, tls);
  });
  MeasureCpu(state, load, batch);
}

// How much CPU does the network layer itself use for one request, when the handler does nothing?
// Arguments: bytes of the request body, connections. One IO thread on core 0, the client on core 1.
// `tls`: the same inside TLS 1.3, with connections that exist already.
void BM_ServerCpuPerRequest(benchmark::State& state) {
  PinToServerCore();
  base::RealClock clock;
  const std::unique_ptr<base::Logger> log = base::Logger::Null();
  const bool tls = state.range(2) == 1;
  TlsFixture certificates;
  TlsContext::Options tls_options = certificates.options();
  tls_options.watch.period = std::chrono::hours(1);
  const std::unique_ptr<TlsContext> context = tls ? certificates.Make(tls_options) : nullptr;
  Server::Options options;
  options.listen = {*ListenAddress::Parse("127.0.0.1:0")};
  options.tls = context.get();
  auto server = Server::Start(
      options, [](EventLoop&) { return std::make_unique<HelloHandler>(); }, clock, *log);
  SLIPWAY_CHECK(server.ok());
  Measure(state, (*server)->addresses()[0].text, static_cast<size_t>(state.range(0)),
          static_cast<int>(state.range(1)), tls);
}
BENCHMARK(BM_ServerCpuPerRequest)
    ->ArgNames({"body", "connections", "tls"})
    ->Args({310, 32, 0})
    ->Args({310, 32, 1})
    ->Args({602'112, 8, 0})
    ->Args({602'112, 8, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// And how much of that is the kernel's?
void BM_BareLoopCpuPerRequest(benchmark::State& state) {
  PinToServerCore();
  BareServer server;
  Measure(state, server.address(), 310, static_cast<int>(state.range(0)), false);
}
BENCHMARK(BM_BareLoopCpuPerRequest)
    ->ArgName("connections")
    ->Arg(32)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slipway::net

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "net/server.h"
#include "net/socket_address.h"
#include "net/testing/tls_fixture.h"
#include "net/tls_client.h"
#include "net/transport.h"

// g++ 12 does not see that both sides of our replaced operators use malloc.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// Counted, to show that a steady load of small requests allocates nothing.
namespace {
std::atomic<size_t> allocations = 0;
}  // namespace

void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace slipway::net {
namespace {

constexpr int kServerCore = 0;
constexpr int kClientCore = 1;

void PinTo(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(core), &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

// Answers every request with 130 bytes of JSON, at once.
class HelloHandler final : public HttpHandler {
 public:
  void OnRequest(Exchange& exchange) override {
    exchange.response().content_type = "application/json";
    exchange.response().body.assign(130, ' ');
    exchange.Send();
  }
};

// A process of its own, so that its CPU time is not counted: `connections` keep-alive connections,
// one request outstanding on each. Told over a pipe to make `batch` requests, it writes back when
// the answers are there.
class LoadGenerator {
 public:
  LoadGenerator(const std::string& address, const std::string& request, int connections, int batch,
                bool tls);
  ~LoadGenerator();
  void RunBatch() {
    char byte = 0;
    SLIPWAY_CHECK(::write(command_, &byte, 1) == 1 && ::read(done_, &byte, 1) == 1);
  }

 private:
  [[noreturn]] static void Serve(int command, int done, const SocketAddress& where,
                                 const std::string& request, int connections, int batch, bool tls);
  int command_ = -1;
  int done_ = -1;
  pid_t child_ = -1;
};

LoadGenerator::LoadGenerator(const std::string& address, const std::string& request,
                             int connections, int batch, bool tls) {
  int command[2];
  int done[2];
  SLIPWAY_CHECK(::pipe(command) == 0 && ::pipe(done) == 0);
  const SocketAddress where = *SocketAddress::Parse(address);
  child_ = ::fork();
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Serve(command[0], done[1], where, request, connections, batch, tls);
  }
  ::close(command[0]);
  ::close(done[1]);
  command_ = command[1];
  done_ = done[0];
}

LoadGenerator::~LoadGenerator() {
  ::close(command_);
  ::close(done_);
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

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

void LoadGenerator::Serve(int command, int done, const SocketAddress& where,
                          const std::string& request, int connections, int batch, bool tls) {
  PinTo(kClientCore);
  const auto client = TlsClientContext::Create({.insecure = true}, base::RealFileSystem());
  TlsBuffers buffers;
  const int epoll = ::epoll_create1(0);
  std::vector<Transport> transports;
  transports.reserve(static_cast<size_t>(connections));
  for (int i = 0; i < connections; ++i) {
    const int fd = ::socket(where.family(), SOCK_STREAM, 0);
    transports.emplace_back(base::UniqueFd(fd));
    if (::connect(fd, where.get(), where.size()) != 0) ::_exit(1);
    if (tls) ShakeHands(transports.back(), **client, buffers);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &transports.back();
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  char byte = 0;
  std::byte answer[4096];
  while (::read(command, &byte, 1) == 1) {
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
    if (::write(done, &byte, 1) != 1) break;
  }
  ::_exit(0);
}

double ProcessCpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
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
  LoadGenerator load(address, PostRequest(body), connections, batch, tls);
  load.RunBatch();
  const size_t allocations_before = allocations;
  for (auto _ : state) {
    const double before = ProcessCpuSeconds();
    load.RunBatch();
    state.SetIterationTime(ProcessCpuSeconds() - before);
  }
  const double requests = static_cast<double>(state.iterations()) * batch;
  state.counters["cpu_per_request"] =
      benchmark::Counter(requests, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations_per_request"] =
      static_cast<double>(allocations - allocations_before) / requests;
}

// How much CPU does the network layer itself use for one request, when the handler does nothing?
// Arguments: bytes of the request body, connections. One IO thread on core 0, the client on core 1.
// `tls`: the same inside TLS 1.3, with connections that exist already.
void BM_ServerCpuPerRequest(benchmark::State& state) {
  PinTo(kServerCore);
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
  PinTo(kServerCore);
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

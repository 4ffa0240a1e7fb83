#include "app/bench/load.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/bench/server_process.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;

// Answers every request in full, one connection a thread, with what `answer` says.
class TinyServer {
 public:
  explicit TinyServer(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_.Reset(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    thread_ = std::thread([this] { Accept(); });
  }
  ~TinyServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : serving_) thread.join();
  }
  net::SocketAddress address() const { return net::SocketAddress::OfSocket(listener_.get()); }

 private:
  void Accept() {
    while (true) {
      base::UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd.valid()) return;
      serving_.emplace_back([this, fd = std::move(fd)] { Serve(fd.get()); });
    }
  }
  void Serve(int fd) const {
    char buffer[4096];
    while (::recv(fd, buffer, sizeof(buffer), 0) > 0) {  // a request is one small packet
      if (::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
      if (answer_.find("close") != std::string::npos) return;
    }
  }

  const std::string answer_;
  base::UniqueFd listener_;
  std::thread thread_;
  std::vector<std::thread> serving_;
};

class Listener final : public LoadListener {
 public:
  void OnMeasureBegin(uint64_t) override { ++begins; }
  void OnMeasureEnd(uint64_t) override { ++ends; }
  bool OnTick(const Tick&) override { return --ticks_left > 0; }
  int begins = 0;
  int ends = 0;
  int ticks_left = 1000;
};

constexpr std::string_view kRequest = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

LoadOptions Brief() {
  LoadOptions options;
  options.warmup = 20ms;
  options.duration = 150ms;
  options.timeout = 2s;
  return options;
}

StreamPlan Plan(const net::SocketAddress& address, double rate = 0, int concurrency = 4) {
  StreamPlan plan{.name = "m", .server = {.address = address}, .requests = {}};
  plan.requests.push_back({.bytes = std::string(kRequest)});
  plan.concurrency = concurrency;
  plan.arrivals.rate = rate;
  return plan;
}

std::vector<LoadResult> RunAll(std::vector<StreamPlan> plans, const LoadOptions& options,
                               Listener& listener) {
  const base::RealClock clock;
  const size_t count = plans.size();
  LoadGenerator generator(std::move(plans), options, clock);
  auto results = generator.Run(listener);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<LoadResult>(count);
}

LoadResult RunLoad(const StreamPlan& plan, const LoadOptions& options, Listener& listener) {
  return RunAll({plan}, options, listener).front();
}

TEST(LoadGeneratorTest, ClosedLoopCountsEveryAnswer) {
  const TinyServer server(kOk);
  Listener listener;
  const LoadResult result = RunLoad(Plan(server.address()), Brief(), listener);
  EXPECT_GT(result.answered, 0U);
  EXPECT_EQ(result.failed(), 0U);
  EXPECT_EQ(result.unanswered, 0U);
  EXPECT_EQ(result.latency.count(), result.answered);
  EXPECT_EQ(result.bytes_received, 2 * result.answered);
  EXPECT_EQ(result.bytes_sent, kRequest.size() * result.answered);
  EXPECT_EQ(listener.begins, 1);
  EXPECT_EQ(listener.ends, 1);
}

TEST(LoadGeneratorTest, OpenLoopSendsWhatIsDue) {
  const TinyServer server(kOk);
  Listener listener;
  LoadOptions options = Brief();
  options.duration = 400ms;
  const LoadResult result = RunLoad(Plan(server.address(), 500), options, listener);
  EXPECT_NEAR(static_cast<double>(result.answered), 200, 80);
  EXPECT_EQ(result.failed() + result.unsent, 0U);
}

TEST(LoadGeneratorTest, LatencyCountsFromWhenARequestWasDue) {
  // Never answers: with one connection all later requests are due and cannot be sent.
  const TinyServer server("");
  Listener listener;
  LoadOptions options = Brief();
  options.timeout = 50ms;
  const LoadResult result = RunLoad(Plan(server.address(), 200, 1), options, listener);
  EXPECT_EQ(result.answered, 0U);
  EXPECT_GT(result.unsent + result.requests + result.unanswered, 5U);
}

TEST(LoadGeneratorTest, OpensAgainWhenTheServerClosesAfterEachAnswer) {
  const TinyServer server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  Listener listener;
  const LoadResult result = RunLoad(Plan(server.address()), Brief(), listener);
  EXPECT_GT(result.answered, 0U);
  EXPECT_EQ(result.failed(), 0U) << result.errors.begin()->first;
}

TEST(LoadGeneratorTest, CountsErrorsByKindAndKeepsTheFirstMessage) {
  const TinyServer server("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull");
  Listener listener;
  const LoadResult result = RunLoad(Plan(server.address()), Brief(), listener);
  EXPECT_EQ(result.answered, 0U);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors.begin()->first, "status 503");
  EXPECT_EQ(result.errors.begin()->second.first, "full");
  EXPECT_EQ(result.errors.begin()->second.count, result.failed());
  EXPECT_EQ(result.error_latency.count(), result.failed());
}

TEST(LoadGeneratorTest, CountsDistinctAnswers) {
  const TinyServer server(
      "HTTP/1.1 200 OK\r\nSlipway-Model-Digest: sha256:aa\r\nContent-Length: 2\r\n\r\nok");
  Listener listener;
  LoadOptions options = Brief();
  options.distinct_answers = true;
  const LoadResult result = RunLoad(Plan(server.address()), options, listener);
  ASSERT_EQ(result.distinct.size(), 1U);
  EXPECT_EQ(result.distinct[0].digest, "sha256:aa");
  EXPECT_EQ(result.distinct[0].body, "ok");
  EXPECT_EQ(result.distinct[0].count, result.answered);
}

TEST(LoadGeneratorTest, ListenerEndsItEarly) {
  const TinyServer server(kOk);
  Listener listener;
  listener.ticks_left = 2;
  LoadOptions options = Brief();
  options.duration = 1h;
  const LoadResult result = RunLoad(Plan(server.address()), options, listener);
  EXPECT_TRUE(result.interrupted);
  EXPECT_LT(result.elapsed, 30s);
}

TEST(LoadGeneratorTest, RefusedConnectionsAreFailures) {
  net::SocketAddress gone;
  {
    const TinyServer server(kOk);
    gone = server.address();
  }
  Listener listener;
  const LoadResult result = RunLoad(Plan(gone), Brief(), listener);
  EXPECT_EQ(result.answered, 0U);
  EXPECT_GT(result.failed(), 0U);
  EXPECT_NE(result.errors.begin()->first.find("refused"), std::string::npos);
}

TEST(LoadGeneratorTest, SeveralTargetsHaveRatesAndResultsOfTheirOwn) {
  const TinyServer good(kOk);
  const TinyServer busy("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull");
  Listener listener;
  LoadOptions options = Brief();
  options.duration = 400ms;
  StreamPlan slow = Plan(good.address(), 100);
  slow.name = "slow";
  StreamPlan failing = Plan(busy.address(), 400);
  failing.name = "failing";
  const auto results = RunAll({slow, failing}, options, listener);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].name, "slow");
  EXPECT_EQ(results[0].failed(), 0U);
  EXPECT_GT(results[0].answered, 0U);
  EXPECT_EQ(results[1].answered, 0U);
  EXPECT_GT(results[1].failed(), results[0].answered);
  const LoadResult all = AllTogether(results);
  EXPECT_EQ(all.answered, results[0].answered);
  EXPECT_EQ(all.failed(), results[1].failed());
}

TEST(LoadGeneratorTest, TraceSendsEachOfItsRequestsOnce) {
  const TinyServer server(kOk);
  Listener listener;
  StreamPlan plan = Plan(server.address());
  plan.requests.push_back({.bytes = std::string(kRequest), .rows = 7});
  plan.arrivals.kind = ArrivalPlan::Kind::kTrace;
  plan.arrivals.trace = std::make_shared<const std::vector<TraceEvent>>(
      std::vector<TraceEvent>{{.offset = 0ms}, {.offset = 20ms, .request = 1}, {.offset = 30ms}});
  const LoadResult result = RunLoad(plan, Brief(), listener);
  EXPECT_EQ(result.answered, 3U);
  EXPECT_EQ(result.rows, 9U);
  EXPECT_FALSE(result.slowest.empty());
}

TEST(ServerProcessTest, FindsTheListenerAndItsCpuTime) {
  const TinyServer server(kOk);
  const auto process = ServerProcess::ListeningAt(server.address());
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_FALSE(process->pids().empty());
  EXPECT_NE(std::ranges::find(process->pids(), ::getpid()), process->pids().end());
  const auto before = process->CpuTime();
  EXPECT_GT(before, 0ns);
  uint64_t work = 1;
  while (process->CpuTime() < before + 2ms) work = work * 6364136223846793005U + 1;
  EXPECT_NE(work, 0U);
}

TEST(ServerProcessTest, SaysWhyItFoundNone) {
  EXPECT_EQ(ServerProcess::OfPid(0).status().code(), StatusCode::kNotFound);
  const auto elsewhere = ServerProcess::ListeningAt(*net::SocketAddress::Parse("192.0.2.1:80"));
  EXPECT_EQ(elsewhere.status().code(), StatusCode::kNotFound);
  EXPECT_NE(elsewhere.status().message().find("not on this machine"), std::string::npos);
}

}  // namespace
}  // namespace slipway::app

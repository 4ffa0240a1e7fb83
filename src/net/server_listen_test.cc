#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "net/event_loop.h"
#include "net/listen_address.h"
#include "net/protocol_sniffer.h"
#include "net/server.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

// How a server comes to its connections, and to its end: addresses, threads, drain, protocols.
namespace slipway::net {
namespace {

using namespace std::chrono_literals;

TEST(ServerListenTest, ListensOnUnixSockets) {
  const std::string path = base::StrCat("/tmp/slipway-net-test-", ::getpid(), ".sock");
  {
    TestServer server({}, nullptr, "unix:" + path, 2);
    EXPECT_EQ(server.address(), "unix:" + path);
    std::vector<RawClient> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back(server.address());
    for (RawClient& client : clients) EXPECT_EQ(client.Ask(Get("/x"))->body, "GET /x ");
    HeldRequests held;
    TestServer other({}, held.handler(), base::StrCat("unix:", path, "2"));
    RawClient gone(other.address());
    gone.Send(Get("/"));
    ASSERT_TRUE(held.WaitFor(1));
    gone.Close();
    EXPECT_TRUE(held.WaitForClientsGone(1));
    other.OnLoop([&] { held.AnswerFirst("x"); });
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(ServerListenTest, SpreadsConnectionsOverItsThreads) {
  std::mutex mutex;
  std::vector<EventLoop*> seen;
  TestServer server(
      {},
      [&](Exchange& exchange) {
        {
          const std::lock_guard lock(mutex);
          if (std::ranges::find(seen, &exchange.loop()) == seen.end())
            seen.push_back(&exchange.loop());
        }
        exchange.Send();
      },
      "127.0.0.1:0", 2);
  for (int i = 0; i < 64 && seen.size() < 2; ++i) RawClient(server.address()).Ask(Get("/"));
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_EQ(server.server().loops().size(), 2U);
}

// The handler answers with the number of its loop.
class BalanceTest : public testing::TestWithParam<const char*> {
 protected:
  static constexpr size_t kThreads = 4;

  std::string LoopOf(RawClient& client) { return client.Ask(Get("/"))->body; }
  std::string Address() const {
    return GetParam() != nullptr ? GetParam()
                                 : base::StrCat("unix:", testing::TempDir(), "balance.", getpid());
  }
  TestServer server_{{},
                     [](Exchange& exchange) {
                       exchange.response().body = base::StrCat(&exchange.loop());
                       exchange.Send();
                     },
                     Address(),
                     kThreads};
};

TEST_P(BalanceTest, FewConnectionsGetAThreadEach) {
  std::map<std::string, size_t> per_loop;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t round = 1; round <= 3; ++round) {
    for (size_t i = 0; i < kThreads; ++i) {
      clients.push_back(std::make_unique<RawClient>(server_.address()));
      ++per_loop[LoopOf(*clients.back())];
    }
    ASSERT_EQ(per_loop.size(), kThreads);
    for (const auto& [loop, count] : per_loop) EXPECT_EQ(count, round) << loop;
  }
  // They stay where they are.
  for (const auto& client : clients) --per_loop[LoopOf(*client)];
  for (const auto& [loop, count] : per_loop) EXPECT_EQ(count, 0U) << loop;
}

TEST_P(BalanceTest, ClosedConnectionsMakeRoom) {
  for (int i = 0; i < 3; ++i) {
    std::set<std::string> loops;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (size_t k = 0; k < kThreads; ++k) {
      clients.push_back(std::make_unique<RawClient>(server_.address()));
      loops.insert(LoopOf(*clients.back()));
    }
    EXPECT_EQ(loops.size(), kThreads);
    clients.clear();
    ASSERT_TRUE(Eventually([&] { return server_.stats().connections_open == 0; }));
  }
}

// Connections that are on their way to another thread when that has drained already, or stops.
TEST_P(BalanceTest, NoConnectionIsLostInADrain) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        RawClient client(server_.address());
        if (client.fd() < 0) continue;
        client.Send(Get("/", "Connection: close\r\n"));
        client.ReadToEnd();
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return server_.stats().requests > 50; }));
  server_.server().BeginDrain();
  EXPECT_TRUE(server_.server().WaitDrained(30s));
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Sockets, BalanceTest, testing::Values("127.0.0.1:0", nullptr),
                         [](const auto& address) {
                           return address.param == nullptr ? "Unix" : "Tcp";
                         });

TEST(ServerListenTest, NoticesAnAddressInUse) {
  TestServer server;
  base::RealClock clock;
  const auto log = base::Logger::Null();
  for (const size_t threads : {1, 2}) {
    Server::Options options;
    options.listen = {{server.address()}};
    options.io_threads = threads;
    const auto second = Server::Start(options, [](EventLoop&) { return nullptr; }, clock, *log);
    EXPECT_EQ(second.status().code(), base::StatusCode::kFailedPrecondition) << second.status();
  }
}

TEST(ServerListenTest, SaysWhatIsWrongWithAddresses) {
  for (const char* good : {"127.0.0.1:0", "[::1]:80", "0.0.0.0:65535", "unix:/tmp/x"}) {
    EXPECT_TRUE(ListenAddress::Parse(good).ok()) << good;
  }
  for (const char* bad : {"", "8000", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                          "127.0.0.1:8x", "::1:80", "[::1]", "[::1:80", "unix:", "1.2.3:4"}) {
    EXPECT_EQ(ListenAddress::Parse(bad).status().code(), base::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(ListenAddress::Parse("unix:/" + std::string(200, 'x')).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_TRUE(ListenAddress::Parse("127.9.9.9:1")->loopback());
  EXPECT_TRUE(ListenAddress::Parse("[::1]:1")->loopback());
  EXPECT_FALSE(ListenAddress::Parse("0.0.0.0:1")->loopback());
}

TEST(ServerListenTest, DrainsWithARequestInFlight) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient idle(server.address());
  idle.Send(Get("/0"));
  ASSERT_TRUE(held.WaitFor(1));
  server.OnLoop([&] { held.AnswerFirst("x"); });
  ASSERT_TRUE(idle.Read().has_value());
  RawClient silent(server.address());
  RawClient busy(server.address());
  busy.Send(Get("/1"));
  ASSERT_TRUE(held.WaitFor(1));
  server.server().BeginDrain();
  EXPECT_TRUE(idle.WaitForClose());
  EXPECT_TRUE(silent.WaitForClose());
  EXPECT_FALSE(server.server().WaitDrained(20ms));
  EXPECT_LT(RawClient(server.address()).fd(), 0);  // nobody listens
  server.OnLoop([&] { held.AnswerFirst("last"); });
  const auto answer = busy.Read();
  EXPECT_EQ(answer->body, "last");
  EXPECT_TRUE(answer->Has("connection: close\r\n"));
  EXPECT_TRUE(busy.WaitForClose());
  busy.Close();
  EXPECT_TRUE(server.server().WaitDrained(5s));
}

TEST(ServerListenTest, StopsAtOnceWithRequestsInFlight) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/1"));
  ASSERT_TRUE(held.WaitFor(1));
  server.Stop();
  EXPECT_EQ(held.clients_gone(), 1U);
  EXPECT_TRUE(client.WaitForClose());
}

TEST(ServerListenTest, AnswersOtherProtocolsClearly) {
  TestServer server;
  const auto tls = RawClient(server.address()).Ask("\x16\x03\x01\x02\x00\x01");
  EXPECT_EQ(tls->status, 400);
  EXPECT_NE(tls->body.find("TLS"), std::string::npos);
  RawClient cut(server.address());
  cut.Send("PR");
  server.OnLoop([] {});
  EXPECT_EQ(cut.Ask("OPFIND / HTTP/1.1\r\nHost: h\r\n\r\n")->body, "PROPFIND / ");
}

TEST(ServerListenTest, TellsProtocolsApartByTheirFirstBytes) {
  EXPECT_EQ(SniffProtocol(""), Protocol::kUndecided);
  EXPECT_EQ(SniffProtocol("P"), Protocol::kUndecided);
  EXPECT_EQ(SniffProtocol("PRI * HTTP/2."), Protocol::kUndecided);
  EXPECT_EQ(SniffProtocol("PRI * HTTP/2.0\r\n"), Protocol::kHttp2);
  EXPECT_EQ(SniffProtocol("PO"), Protocol::kHttp1);
  EXPECT_EQ(SniffProtocol("\x16"), Protocol::kUndecided);
  EXPECT_EQ(SniffProtocol("\x16\x03"), Protocol::kTls);
  EXPECT_EQ(SniffProtocol("\x16\x04"), Protocol::kHttp1);
}

}  // namespace
}  // namespace slipway::net

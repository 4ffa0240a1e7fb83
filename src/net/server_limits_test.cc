#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/str_cat.h"
#include "net/content_coding.h"
#include "net/server.h"
#include "net/socket_address.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

std::string PostHead(size_t length, std::string_view headers = "") {
  return base::StrCat("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: ", length, "\r\n", headers,
                      "\r\n");
}

std::string Gzip(std::string_view text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(ContentCoding::kGzip, pieces, out));
  return out;
}

RawClient::Response AskOnce(TestServer& server, std::string_view request) {
  return RawClient(server.address()).Ask(request).value_or(RawClient::Response{});
}

TEST(ServerLimitsTest, ValidateNamesTheField) {
  EXPECT_TRUE(Limits().Validate().ok());
  const base::Status status = Limits{.max_pipelined = 0}.Validate();
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("max_pipelined"), std::string::npos);
  EXPECT_FALSE(Limits{.idle_timeout = 0ms}.Validate().ok());
  EXPECT_FALSE(Limits{.write_timeout = -1ms}.Validate().ok());
}

TEST(ServerLimitsTest, BoundsTheRequestHead) {
  TestServer server({.max_header_bytes = 40'000, .max_header_count = 5, .max_target_bytes = 100});
  EXPECT_EQ(AskOnce(server, Get(base::StrCat("/", std::string(200, 'a')))).status, 414);
  EXPECT_EQ(AskOnce(server, Get("/", "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n")).status, 431);
  EXPECT_EQ(AskOnce(server, Get("/", "A: " + std::string(50'000, 'a') + "\r\n")).status, 431);
  // Larger than a read block, but within the limit.
  RawClient client(server.address());
  const std::string large = Get("/", "A: " + std::string(38'000, 'a') + "\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Ask(large)->status, 200);
  client.Send(Get("/1") + large + PostHead(1, "A: " + std::string(30'000, 'a') + "\r\n") + "x");
  EXPECT_EQ(client.Read()->body, "GET /1 ");
  EXPECT_EQ(client.Read()->body, "GET / ");
  EXPECT_EQ(client.Read()->body, "POST /p x");
  const std::string head = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nA: ";
  for (const size_t fill : {15'000, 16'200, 16'240, 16'255, 16'260, 16'270, 16'300, 32'600}) {
    const std::string chunked =
        base::StrCat(head, std::string(fill, 'a'), "\r\n\r\n2\r\nxy\r\n0\r\n\r\n");
    client.Send(chunked + chunked);
    EXPECT_EQ(client.Read()->body, "POST /p xy");
    EXPECT_EQ(client.Read()->body, "POST /p xy");
  }
}

TEST(ServerLimitsTest, BoundsTheBodyBeforeItComes) {
  TestServer server({.max_body_bytes = 1000});
  EXPECT_EQ(AskOnce(server, PostHead(1001)).status, 413);
  EXPECT_EQ(AskOnce(server, PostHead(1000) + std::string(1000, 'x')).status, 200);
  EXPECT_EQ(AskOnce(server, PostHead(99'999'999'999)).status, 413);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(AskOnce(server, head + "3e8\r\n" + std::string(1000, 'x') + "\r\n0\r\n\r\n").status,
            200);
  EXPECT_EQ(AskOnce(server, head + "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n").status,
            413);
  EXPECT_EQ(server.stats().protocol_errors, 3U);
}

TEST(ServerLimitsTest, BoundsWhatABodyDecompressesTo) {
  TestServer server({.max_decompressed_bytes = 3'000'000, .max_decompression_ratio = 100});
  const auto ask = [&](const std::string& data) {
    return AskOnce(server, PostHead(data.size(), "Content-Encoding: gzip\r\n") + data);
  };
  EXPECT_EQ(ask(Gzip(std::string(900'000, 'x'))).status, 200);  // a high ratio, but small
  const auto ratio = ask(Gzip(std::string(2'000'000, 'x')));
  EXPECT_EQ(ratio.status, 413);
  EXPECT_NE(ratio.body.find("max_decompression_ratio"), std::string::npos);
  std::string noise(4'000'000, ' ');
  uint64_t state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>('a' + (state >> 60));
  }
  EXPECT_EQ(ask(Gzip(noise.substr(0, 2'900'000))).status, 200);
  const auto size = ask(Gzip(noise));
  EXPECT_EQ(size.status, 413);
  EXPECT_NE(size.body.find("max_decompressed_body"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(ServerLimitsTest, BoundsTheBytesOfAllBodiesTogether) {
  TestServer server({.max_buffered_bytes = 1'000'000});
  EXPECT_EQ(AskOnce(server, PostHead(2'000'000)).status, 413);
  RawClient first(server.address());
  first.Send(PostHead(500'000));
  ASSERT_TRUE(Eventually([&] { return server.stats().buffered_bytes >= 500'000; }));
  const auto refused = AskOnce(server, PostHead(600'000));
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.Has("retry-after: 1\r\n"));
  const std::string chunk(520'000, 'x');
  EXPECT_EQ(AskOnce(server,
                    base::StrCat("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 "7ef40\r\n", chunk))
                .status,
            429);
  EXPECT_EQ(AskOnce(server, PostHead(10'000) + std::string(10'000, 'x')).status, 200);
  EXPECT_EQ(first.Ask(std::string(500'000, 'y'))->status, 200);
  EXPECT_EQ(AskOnce(server, PostHead(600'000) + std::string(600'000, 'x')).status, 200);
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(ServerLimitsTest, ClosesIdleConnections) {
  TestServer server({.idle_timeout = 400ms});
  RawClient silent(server.address());
  RawClient kept(server.address());
  for (int i = 0; i < 4; ++i) {  // requests keep it open
    ASSERT_TRUE(kept.Ask(Get("/")).has_value());
    std::this_thread::sleep_for(120ms);
  }
  EXPECT_TRUE(silent.WaitForClose());
  EXPECT_TRUE(kept.WaitForClose());
  EXPECT_TRUE(Eventually([&] { return server.stats().timeouts == 2; }));
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
}

TEST(ServerLimitsTest, GivesUpOnSlowHeads) {
  TestServer server({.header_deadline = 50ms});
  RawClient client(server.address());
  ASSERT_EQ(client.Ask(Get("/"))->status, 200);
  client.Send("GET / HT");
  for (int i = 0; i < 20; ++i) {  // bytes alone do not help
    if (!client.Send("T")) break;
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(client.Read()->status, 408);
  RawClient undecided(server.address());
  undecided.Send("P");
  EXPECT_TRUE(undecided.WaitForClose());
}

TEST(ServerLimitsTest, GivesUpOnSlowBodies) {
  TestServer server({.min_body_bytes_per_second = 1'000, .body_grace = 50ms});
  for (const std::string& head :
       {PostHead(100'000), PostHead(1'000), PostHead(9, "Content-Encoding: gzip\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")}) {
    EXPECT_EQ(AskOnce(server, head).status, 408) << head;
  }
  RawClient steady(server.address());
  steady.Send(PostHead(10'000) + std::string(1'000, 'x'));
  for (int i = 1; i < 10; ++i) {  // longer than the grace, but fast enough
    std::this_thread::sleep_for(20ms);
    ASSERT_TRUE(steady.Send(std::string(1'000, 'x')));
  }
  EXPECT_EQ(steady.Read()->status, 200);
  EXPECT_TRUE(Eventually([&] { return server.stats().timeouts == 4; }));
}

TEST(ServerLimitsTest, DoesNotHurryClientsThatWaitForUs) {
  HeldRequests held;
  TestServer server({.header_deadline = 20ms, .idle_timeout = 20ms}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/") + "GET /2 HTTP/1.1\r\n");
  ASSERT_TRUE(held.WaitFor(1));
  std::this_thread::sleep_for(150ms);
  server.OnLoop([&] { held.AnswerFirst("late"); });
  EXPECT_EQ(client.Read()->body, "late");
  EXPECT_EQ(client.Read()->status, 408);
}

TEST(ServerLimitsTest, GivesUpOnClientsThatDoNotRead) {
  TestServer server({.write_timeout = 50ms}, [](Exchange& exchange) {
    exchange.response().body.assign(20'000'000, 'x');
    exchange.Send();
  });
  RawClient client(server.address(), 4096);
  client.Send(Get("/"));
  EXPECT_TRUE(Eventually([&] { return server.stats().timeouts == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
}

// Whether the kernel still has the server's end of the client's connection, closed or not.
bool HasOtherEnd(const RawClient& client) {
  sockaddr_in own{};
  socklen_t size = sizeof(own);
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size);
  std::ostringstream wanted;
  wanted << "0100007F:" << std::uppercase << std::hex << std::setw(4) << std::setfill('0')
         << ntohs(own.sin_port);
  std::ifstream all("/proc/net/tcp");
  for (std::string line; std::getline(all, line);) {
    std::string number;
    std::string local;
    std::string remote;
    std::istringstream(line) >> number >> local >> remote;
    if (remote == wanted.str()) return true;
  }
  return false;
}

TEST(ServerLimitsTest, GivesUpOnClientsThatDoNotReadWhatTheKernelHasForThem) {
  constexpr size_t kBytes = 200'000;  // which the kernel takes at once
  for (const char* headers : {"", "Connection: close\r\n"}) {
    TestServer server({.write_timeout = 100ms}, [](Exchange& exchange) {
      exchange.response().body.assign(kBytes, 'x');
      exchange.Send();
    });
    RawClient client(server.address(), 4096);
    client.Send(Get("/", headers));
    EXPECT_TRUE(Eventually([&] { return server.stats().bytes_sent > kBytes; }));
    EXPECT_TRUE(Eventually([&] { return !HasOtherEnd(client); })) << headers;
    EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; })) << headers;
    EXPECT_LT(client.ReadToEnd().size(), kBytes) << headers;
  }
}

TEST(ServerLimitsTest, BoundsConnections) {
  constexpr size_t kMany = 1000;
  TestServer server({.max_connections = kMany});
  std::vector<RawClient> clients;
  for (size_t i = 0; i < kMany; ++i) clients.emplace_back(server.address());
  ASSERT_TRUE(Eventually([&] { return server.stats().connections_open == kMany; }));
  EXPECT_EQ(server.stats().buffered_bytes, 0U);  // idle connections hold no buffers
  const auto refused = AskOnce(server, Get("/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.Has("connection: close\r\n"));
  for (RawClient& client : clients) EXPECT_EQ(client.Ask(Get("/"))->status, 200);
  clients.pop_back();
  ASSERT_TRUE(Eventually([&] { return server.stats().connections_open == kMany - 1; }));
  EXPECT_EQ(AskOnce(server, Get("/")).status, 200);
  EXPECT_EQ(server.stats().connections_refused, 1U);
}

TEST(ServerLimitsTest, BoundsConnectionsOfOneAddress) {
  TestServer server({.max_connections = 10, .max_connections_per_address = 2});
  RawClient first(server.address());
  {
    RawClient second(server.address());
    ASSERT_EQ(second.Ask(Get("/"))->status, 200);
    EXPECT_EQ(AskOnce(server, Get("/")).status, 429);
  }
  ASSERT_TRUE(Eventually([&] { return server.stats().connections_open == 1; }));
  EXPECT_EQ(AskOnce(server, Get("/")).status, 200);
}

std::chrono::microseconds ProcessCpuTime() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

TEST(ServerLimitsTest, SurvivesRunningOutOfDescriptors) {
  constexpr size_t kIoThreads = 4;  // which must not let clients in with the descriptor of another
  TestServer server({}, nullptr, "127.0.0.1:0", kIoThreads);
  RawClient kept(server.address());
  ASSERT_EQ(kept.Ask(Get("/"))->status, 200);
  const SocketAddress where = *SocketAddress::Parse(server.address());
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
  // From here on no descriptor is free: the server cannot accept what the kernel has connected.
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const base::UniqueFd first_free(::dup(0));
  const rlimit none{.rlim_cur = static_cast<rlim_t>(first_free.get() + 1),
                    .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  for (const base::UniqueFd& client : clients) {
    ASSERT_EQ(::connect(client.get(), where.get(), where.size()), 0);
  }
  const auto all_refused = [&] { return server.stats().connections_refused == clients.size(); };
  const int wait = Eventually(all_refused) ? 0 : MSG_DONTWAIT;
  EXPECT_EQ(wait, 0) << server.stats().connections_refused;
  char byte = 0;
  for (const base::UniqueFd& client : clients) EXPECT_LE(::recv(client.get(), &byte, 1, wait), 0);
  EXPECT_EQ(kept.Ask(Get("/"))->status, 200);
  const auto cpu_before = ProcessCpuTime();
  std::this_thread::sleep_for(100ms);
  EXPECT_LT(ProcessCpuTime() - cpu_before, 50ms);  // it does not spin
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(AskOnce(server, Get("/")).status, 200);
}

}  // namespace
}  // namespace slipway::net

// What one HTTP/2 client may cost: the same limits as for HTTP/1.1, and what they become.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/str_cat.h"
#include "net/content_coding.h"
#include "net/testing/http2_client.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using Fields = Http2Client::Fields;

std::string Gzip(std::string_view text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(ContentCoding::kGzip, pieces, out));
  return out;
}

TEST(Http2LimitsTest, ValidateNamesTheField) {
  const auto message = [](const Limits& limits) { return limits.Validate().message(); };
  EXPECT_NE(message({.max_streams = 0}).find("max_streams"), std::string::npos);
  EXPECT_NE(message({.max_streams = size_t{1} << 31}).find("max_streams"), std::string::npos);
  EXPECT_NE(message({.stream_window_bytes = 1'000}).find("stream_window_bytes"), std::string::npos);
  EXPECT_NE(message({.connection_window_bytes = size_t{1} << 31}).find("connection_window_bytes"),
            std::string::npos);
  EXPECT_NE(message({.max_resets_per_second = 0}).find("max_resets_per_second"), std::string::npos);
}

TEST(Http2LimitsTest, BoundsTheRequestHead) {
  TestServer server({.max_header_bytes = 40'000, .max_header_count = 5, .max_target_bytes = 100});
  Http2Client client(server.address());
  EXPECT_EQ(client.Ask(HttpFields("GET", "/" + std::string(200, 'a'))).status, 414);
  EXPECT_EQ(client.Ask(HttpFields("GET", "/", Fields(5, {"a", "1"}))).status, 431);
  EXPECT_EQ(client.Ask(HttpFields("GET", "/", {{"a", std::string(50'000, 'a')}})).status, 431);
  const auto answer = client.Ask(HttpFields("GET", "/", {{"a", std::string(39'000, 'a')}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(server.stats().protocol_errors, 3U);
}

TEST(Http2LimitsTest, BoundsTheBodyBeforeItComes) {
  TestServer server({.body_grace = 50ms, .max_body_bytes = 1'000});
  Http2Client client(server.address());
  const int32_t id =
      client.Begin(HttpFields("POST", "/", {{"content-length", "1001"}}), "", /*end=*/false);
  EXPECT_EQ(client.Wait(id).status, 413);
  EXPECT_EQ(
      client.Ask(HttpFields("POST", "/", {{"content-length", "1000"}}), std::string(1'000, 'x'))
          .status,
      200);
  EXPECT_EQ(client.Ask(HttpFields("POST", "/"), std::string(1'000, 'x')).status, 200);
  EXPECT_EQ(client.Ask(HttpFields("POST", "/"), std::string(1'001, 'x')).status, 413);
}

TEST(Http2LimitsTest, BoundsWhatABodyDecompressesTo) {
  TestServer server({.max_decompressed_bytes = 3'000'000, .max_decompression_ratio = 100});
  Http2Client client(server.address());
  const auto ask = [&](size_t size) {
    return client.Ask(HttpFields("POST", "/", {{"content-encoding", "gzip"}}),
                      Gzip(std::string(size, 'x')));
  };
  EXPECT_EQ(ask(900'000).status, 200);
  EXPECT_NE(ask(2'000'000).body.find("max_decompression_ratio"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(Http2LimitsTest, BoundsTheBytesOfAllBodiesTogether) {
  TestServer server(
      {.min_body_bytes_per_second = 0, .body_grace = 50ms, .max_buffered_bytes = 1'000'000});
  Http2Client client(server.address());
  const auto begin = [&](size_t bytes) {
    return client.Begin(HttpFields("POST", "/", {{"content-length", std::to_string(bytes)}}), "",
                        /*end=*/false);
  };
  EXPECT_EQ(client.Wait(begin(2'000'000)).status, 413);
  const int32_t first = begin(500'000);
  ASSERT_TRUE(Eventually([&] { return server.stats().buffered_bytes >= 500'000; }));
  const auto refused = client.Wait(begin(600'000));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header("retry-after"), "1");
  client.Write(first, std::string(500'000, 'y'), /*end=*/true);
  EXPECT_EQ(client.Wait(first).status, 200);
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(Http2LimitsTest, BoundsStreams) {
  HeldRequests held;
  TestServer server({.max_streams = 3}, held.handler());
  RawClient client(server.address());
  std::string bytes = Http2Preface();
  for (uint32_t id = 1; id <= 9; id += 2) {
    bytes += Http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
                        Http2HeaderBlock(HttpFields("GET", "/")));
  }
  client.Send(bytes);
  ASSERT_TRUE(held.WaitFor(3));
  server.OnLoop([] {});
  EXPECT_EQ(server.stats().requests, 3U);
  const std::string refused = Http2Number(NGHTTP2_REFUSED_STREAM);
  client.Send(Http2Frame(NGHTTP2_GOAWAY, 0, 0, Http2Number(0) + Http2Number(0)));
  server.OnLoop([&] {
    for (int i = 0; i < 3; ++i) held.AnswerFirst("");
  });
  const std::string received = client.ReadToEnd();
  for (const uint32_t id : {7U, 9U}) {
    EXPECT_NE(received.find(Http2Frame(NGHTTP2_RST_STREAM, 0, id, refused)), std::string::npos);
  }
}

TEST(Http2LimitsTest, CancelledRequestsCountWhileAHandlerWorksOnThem) {
  HeldRequests held;
  TestServer server({.max_streams = 2}, held.handler());
  Http2Client client(server.address());
  for (size_t i = 1; i <= 4; ++i) {
    const int32_t id = client.Begin(HttpFields("GET", "/"));
    ASSERT_TRUE(held.WaitFor(i));
    client.Reset(id);
    ASSERT_TRUE(held.WaitForClientsGone(i));
  }
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).error_code,
            static_cast<uint32_t>(NGHTTP2_REFUSED_STREAM));
  server.OnLoop([&] {
    for (int i = 0; i < 4; ++i) held.AnswerFirst("");
  });
  const int32_t id = client.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(held.WaitFor(1));
  server.OnLoop([&] { held.AnswerFirst("room again"); });
  EXPECT_EQ(client.Wait(id).body, "room again");
}

TEST(Http2LimitsTest, ClosesIdleConnections) {
  TestServer server({.idle_timeout = 200ms});
  Http2Client client(server.address());
  for (int i = 0; i < 4; ++i) {  // requests keep it open
    ASSERT_EQ(client.Ask(HttpFields("GET", "/")).status, 200);
    std::this_thread::sleep_for(60ms);
  }
  EXPECT_TRUE(client.WaitUntil([&] {
    std::this_thread::sleep_for(10ms);
    client.Ping();  // pings do not
    return client.closed();
  }));
  EXPECT_EQ(client.goaway(), static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  EXPECT_TRUE(Eventually([&] { return server.stats().timeouts == 1; }));
}

TEST(Http2LimitsTest, AsksSilentClientsWhetherTheyLive) {
  HeldRequests held;
  TestServer server({.header_deadline = 100ms, .idle_timeout = 100ms}, held.handler());
  Http2Client alive(server.address());
  const int32_t id = alive.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(held.WaitFor(1));
  RawClient dead(server.address());  // answers no PING
  dead.Send(Http2Preface() + Http2Frame(NGHTTP2_HEADERS,
                                        NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                                        Http2HeaderBlock(HttpFields("GET", "/"))));
  ASSERT_TRUE(held.WaitFor(2));
  EXPECT_TRUE(alive.WaitUntil([&] { return held.clients_gone() == 1; }));
  EXPECT_NE(dead.ReadToEnd().find(Http2Frame(NGHTTP2_PING, 0, 0, std::string(8, '\0'))),
            std::string::npos);
  for (int i = 0; i < 40; ++i) {
    alive.Poll();
    std::this_thread::sleep_for(10ms);
  }
  server.OnLoop([&] { held.AnswerFirst("late"); });
  EXPECT_EQ(alive.Wait(id).body, "late");
  server.OnLoop([&] { held.AnswerFirst(""); });
}

TEST(Http2LimitsTest, GivesUpOnSlowBodies) {
  TestServer server({.min_body_bytes_per_second = 1'000, .body_grace = 50ms});
  Http2Client client(server.address());
  for (const Fields& more :
       {Fields{}, Fields{{"content-length", "9"}}, Fields{{"content-encoding", "gzip"}}}) {
    const int32_t id = client.Begin(HttpFields("POST", "/", more), "", /*end=*/false);
    EXPECT_EQ(client.Wait(id).status, 408);
  }
  const int32_t steady = client.Begin(HttpFields("POST", "/"), std::string(1'000, 'x'), false);
  for (int i = 1; i < 10; ++i) {  // longer than the grace, but fast enough
    std::this_thread::sleep_for(20ms);
    client.Write(steady, std::string(1'000, 'x'), i == 9);
  }
  EXPECT_EQ(client.Wait(steady).status, 200);
  EXPECT_EQ(server.stats().timeouts, 3U);
}

TEST(Http2LimitsTest, GivesUpOnStreamsWhoseClientOpensNoWindow) {
  TestServer server({.write_timeout = 80ms}, [](Exchange& exchange) {
    exchange.response().body.assign(exchange.request().path == "/large" ? 1'000'000 : 10, 'x');
    exchange.Send();
  });
  Http2Client client(server.address(), {.open_windows = false});
  const auto& answer = client.Wait(client.Begin(HttpFields("GET", "/large")));
  EXPECT_EQ(answer.body.size(), 65'535U);
  EXPECT_EQ(answer.error_code, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(server.stats().timeouts, 1U);
}

TEST(Http2LimitsTest, GivesUpOnClientsThatDoNotRead) {
  TestServer server({.write_timeout = 50ms}, [](Exchange& exchange) {
    exchange.response().body.assign(20'000'000, 'x');
    exchange.Send();
  });
  Http2Client client(server.address(), {.stream_window = 30'000'000, .receive_buffer = 4096});
  client.Ask(HttpFields("HEAD", "/"));
  client.Begin(HttpFields("GET", "/"));
  EXPECT_TRUE(Eventually([&] { return server.stats().timeouts == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
}

TEST(Http2LimitsTest, IdleConnectionsHoldNoBuffers) {
  TestServer server;
  std::vector<std::unique_ptr<Http2Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Http2Client>(server.address()));
    ASSERT_EQ(clients.back()->Ask(HttpFields("GET", "/")).status, 200);
  }
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
  EXPECT_EQ(server.stats().connections_open, 100U);
}

}  // namespace
}  // namespace slipway::net

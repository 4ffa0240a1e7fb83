// Clients that mean harm: each costs little and is cut off, and others do not notice.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "base/str_cat.h"
#include "net/buffer_pool.h"
#include "net/testing/http2_client.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

constexpr uint8_t kWholeRequest = NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM;

std::string Request(uint32_t stream, uint8_t flags = kWholeRequest) {
  return Http2Frame(NGHTTP2_HEADERS, flags, stream, Http2HeaderBlock(HttpFields("POST", "/")));
}

class Http2AbuseTest : public testing::Test {
 protected:
  // Sends `piece` again and again until the server has had enough, and expects it to say `code`.
  // `most`: so many bytes must suffice.
  void ExpectCutOff(std::string_view piece, uint32_t code, size_t most = 4'000'000) {
    for (size_t sent = 0; sent < most && client_.Send(piece); sent += piece.size()) {
      ASSERT_LT(server_.stats().buffered_bytes, 4'000'000U);
    }
    const auto said = GoawayIn(client_.ReadToEnd());
    // When the server has closed with our bytes unread, TCP may drop its last words.
    if (said.has_value()) {
      EXPECT_EQ(*said, code);
    }
    client_.Close();
    ExpectServes();
    EXPECT_TRUE(Eventually([&] { return server_.stats().connections_open == 0; }));
    EXPECT_TRUE(Eventually([&] { return server_.stats().buffered_bytes == 0; }));
    EXPECT_EQ(server_.stats().protocol_errors, 1U);
  }
  void ExpectServes() {
    Http2Client good(server_.address());
    EXPECT_EQ(good.Ask(HttpFields("GET", "/")).status, 200);
  }

  TestServer server_;
  RawClient client_{server_.address()};
};

TEST_F(Http2AbuseTest, EndsRapidResets) {
  std::string bytes = Http2Preface();
  const std::string cancel = Http2Number(NGHTTP2_CANCEL);
  for (uint32_t id = 1; id < 4'001; id += 2) {
    bytes += Request(id, NGHTTP2_FLAG_END_HEADERS) + Http2Frame(NGHTTP2_RST_STREAM, 0, id, cancel);
  }
  client_.Send(bytes);
  ExpectCutOff(Http2Frame(NGHTTP2_PING, 0, 0, "12345678"), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2AbuseTest, ReadsOnSlowlyAfterItsLastWord) {
  const auto begin = std::chrono::steady_clock::now();
  client_.Send(Http2Preface() + Http2Frame(NGHTTP2_PING, 0, 1, "12345678"));
  ASSERT_TRUE(Eventually([&] { return server_.stats().protocol_errors == 1; }));
  const std::string piece(64 * 1024, 'x');
  for (size_t sent = 0; sent < 8'000'000 && client_.Send(piece); sent += piece.size()) {
  }
  const uint64_t received = server_.stats().bytes_received;
  const auto pauses = (std::chrono::steady_clock::now() - begin) / 10ms;
  // Four blocks between two pauses, and what came at once.
  EXPECT_LE(received, static_cast<uint64_t>(pauses + 2) * 4 * BufferPool::kBlockBytes);
  EXPECT_GT(received, 1'000'000U);
}

// CVE-2025-8671: the client makes the server reset its streams.
TEST_F(Http2AbuseTest, EndsResetsThatTheClientMakesUsDo) {
  std::string bytes = Http2Preface();
  for (uint32_t id = 1; id < 4'001; id += 2) {
    bytes += Request(id, NGHTTP2_FLAG_END_HEADERS) +
             Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, id, Http2Number(0x7FFFFFFF));
  }
  client_.Send(bytes);
  ExpectCutOff(Http2Frame(NGHTTP2_PING, 0, 0, "12345678"), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2AbuseTest, ToleratesClientsThatCancelNowAndThen) {
  Http2Client client(server_.address());
  for (int i = 0; i < 300; ++i) {
    client.Reset(client.Begin(HttpFields("POST", "/"), "", /*end=*/false));
  }
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).status, 200);
}

TEST_F(Http2AbuseTest, EndsHeaderBlocksThatDoNotEnd) {
  client_.Send(Http2Preface() + Request(1, 0));
  ExpectCutOff(Http2Frame(NGHTTP2_CONTINUATION, 0, 1, Http2HeaderBlock({{"a", "b"}})),
               NGHTTP2_INTERNAL_ERROR);
}

TEST_F(Http2AbuseTest, EndsHeaderBlocksOfExceptionalSize) {
  const std::string part = Http2HeaderBlock({{"a", std::string(16'000, 'b')}});
  client_.Send(Http2Preface() + Request(1, 0));
  ExpectCutOff(Http2Frame(NGHTTP2_CONTINUATION, 0, 1, part), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2AbuseTest, EndsFloodsOfFramesThatCarryNothing) {
  const std::string open = Request(1, NGHTTP2_FLAG_END_HEADERS);
  const struct {
    const char* name;
    std::string frame;
  } floods[] = {
      {"SETTINGS", Http2Frame(NGHTTP2_SETTINGS, 0, 0, "")},
      {"PING", Http2Frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"PING answers", Http2Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")},
      {"empty DATA", Http2Frame(NGHTTP2_DATA, 0, 1, "")},
      {"padded DATA",
       Http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\xC8" + std::string(200, '\0'))},
      {"PRIORITY", Http2Frame(NGHTTP2_PRIORITY, 0, 1, Http2Number(0) + "x")},
      {"PRIORITY of idle streams", Http2Frame(NGHTTP2_PRIORITY, 0, 1'001, Http2Number(0) + "x")},
      {"WINDOW_UPDATE", Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Http2Number(1))},
      {"RST_STREAM", Http2Frame(NGHTTP2_RST_STREAM, 0, 1, Http2Number(NGHTTP2_CANCEL))},
      {"unknown", Http2Frame(0x42, 0, 0, "what?")},
  };
  uint64_t errors = 0;
  for (const auto& flood : floods) {
    SCOPED_TRACE(flood.name);
    RawClient client(server_.address());
    client.Send(Http2Preface() + open);
    std::string many;
    for (int i = 0; i < 100; ++i) many += flood.frame;
    for (size_t sent = 0; sent < 4'000'000 && client.Send(many); sent += many.size()) {
      ASSERT_LT(server_.stats().buffered_bytes, 4'000'000U);
    }
    const auto said = GoawayIn(client.ReadToEnd());
    if (said.has_value()) {
      EXPECT_EQ(*said, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
    }
    ++errors;
    EXPECT_TRUE(Eventually([&] { return server_.stats().protocol_errors == errors; }));
  }
  ExpectServes();
}

TEST_F(Http2AbuseTest, ToleratesFramesThatCarryNothingBesideThoseThatDo) {
  Http2Client client(server_.address());
  for (int i = 0; i < 3'000; ++i) {
    client.Ping();
    if (i % 3 == 0) {
      ASSERT_EQ(client.Ask(HttpFields("GET", "/")).status, 200) << i;
    }
  }
}

// A field of 4 KB goes into the table of HPACK once, and is then named 30,000 times with a byte
// each: 120 MB of headers.
TEST_F(Http2AbuseTest, HoldsNothingOfAnHpackBomb) {
  std::string block = Http2HeaderBlock(HttpFields("GET", "/"));
  std::string indexed = Http2HeaderBlock({{"a", std::string(3'900, 'b')}});
  indexed[0] = 0x40;                               // literal with incremental indexing
  block += indexed + std::string(30'000, '\xBE');  // the first entry of the dynamic table
  const std::string frames =
      Http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block.substr(0, 16'000)) +
      Http2Frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(16'000)) +
      Http2Frame(NGHTTP2_GOAWAY, 0, 0, Http2Number(0) + Http2Number(0));
  client_.Send(Http2Preface() + frames);
  const std::string received = client_.ReadToEnd();
  EXPECT_NE(received.find("the request headers are too large"), std::string::npos);
  EXPECT_EQ(server_.stats().requests, 0U);
  EXPECT_EQ(server_.stats().protocol_errors, 1U);
}

TEST_F(Http2AbuseTest, RefusesHpackThatIsNone) {
  client_.Send(Http2Preface() +
               Http2Frame(NGHTTP2_HEADERS, kWholeRequest, 1, std::string(5, '\xFF')));
  EXPECT_EQ(GoawayIn(client_.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_COMPRESSION_ERROR));
  ExpectServes();
}

TEST_F(Http2AbuseTest, RefusesWindowsThatOverflow) {
  client_.Send(Http2Preface() + Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Http2Number(0x7FFFFFFF)));
  EXPECT_EQ(GoawayIn(client_.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_FLOW_CONTROL_ERROR));
  ExpectServes();
}

TEST_F(Http2AbuseTest, RefusesStreamsWithSkippedIdentifiers) {
  client_.Send(Http2Preface() + Request(5) + Request(3));
  EXPECT_EQ(GoawayIn(client_.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
}

TEST_F(Http2AbuseTest, RefusesFramesForStreamsThatTheClientHasClosed) {
  const std::string open = Request(1, NGHTTP2_FLAG_END_HEADERS);
  const std::string closings[] = {
      Request(1), open + Http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "x"),
      open + Http2Frame(NGHTTP2_RST_STREAM, 0, 1, Http2Number(NGHTTP2_CANCEL))};
  for (const std::string& closing : closings) {
    for (const std::string& frame : {Request(1), Http2Frame(NGHTTP2_DATA, 0, 1, "x")}) {
      RawClient client(server_.address());
      client.Send(Http2Preface() + closing);
      server_.OnLoop([] {});
      client.Send(frame);
      EXPECT_EQ(GoawayIn(client.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_STREAM_CLOSED));
    }
  }
}

TEST_F(Http2AbuseTest, RefusesPrioritiesThatMakeNoSense) {
  for (const uint32_t stream : {0, 1}) {
    RawClient client(server_.address());
    client.Send(Http2Preface() +
                Http2Frame(NGHTTP2_PRIORITY, 0, stream, Http2Number(stream) + "x").substr(0, 11));
    client.Send(Http2Frame(NGHTTP2_PRIORITY, 0, stream, Http2Number(stream) + "x").substr(11));
    EXPECT_EQ(GoawayIn(client.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
  }
}

TEST(Http2SlowTest, GivesUpOnSlowPrefacesAndHeads) {
  TestServer server({.header_deadline = 60ms});
  const std::string preface = Http2Preface();
  const std::string request = Request(1);
  for (const std::string& start :
       {preface.substr(0, 20), preface.substr(0, 28), preface + request.substr(0, 5),
        preface + request.substr(0, request.size() - 1),
        preface + Request(1, NGHTTP2_FLAG_END_STREAM),
        preface + Http2Frame(NGHTTP2_PING, 0, 0, "12345678").substr(0, 12)}) {
    RawClient client(server.address());
    client.Send(start);
    EXPECT_EQ(GoawayIn(client.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM))
        << start.size();
  }
  EXPECT_EQ(server.stats().timeouts, 6U);
}

// Asks for much, and reads nothing.
TEST(Http2SlowTest, ReadsNoMoreOfAClientThatDoesNotRead) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().body.assign(100'000, 'x');
    exchange.Send();
  });
  RawClient client(server.address(), 4096);
  client.Send(Http2Preface() + Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Http2Number(0x7F000000)) +
              Http2Frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Http2Number(0x7F000000)));
  for (uint32_t id = 1; id < 2'000; id += 2) client.Send(Request(id));
  // How much it takes before it stops depends on how the bytes come.
  uint64_t received = 0;
  EXPECT_TRUE(Eventually([&] {
    const uint64_t before = std::exchange(received, server.stats().bytes_received);
    std::this_thread::sleep_for(50ms);
    return received > 0 && received == before;
  }));
  server.OnLoop([] {});
  const uint64_t served = server.stats().requests;
  EXPECT_GT(served, 0U);
  std::this_thread::sleep_for(50ms);
  server.OnLoop([] {});
  EXPECT_EQ(server.stats().requests, served);
  EXPECT_LT(served, 500U);
}

}  // namespace
}  // namespace slipway::net

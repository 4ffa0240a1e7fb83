#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/str_cat.h"
#include "net/content_coding.h"
#include "net/event_loop.h"
#include "net/testing/http2_client.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using Fields = Http2Client::Fields;

std::string Noise(size_t size) {
  std::string text(size, ' ');
  uint64_t state = size + 1;
  for (char& c : text) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>(state >> 56);
  }
  return text;
}

std::string Gzip(std::string_view text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(ContentCoding::kGzip, pieces, out));
  return out;
}

void AnswerBody(Exchange& exchange) {
  exchange.response().body.assign(reinterpret_cast<const char*>(exchange.request().body.data()),
                                  exchange.request().body.size());
  exchange.Send();
}

TEST(Http2ConnectionTest, AnswersLikeHttp1) {
  TestServer server;
  Http2Client client(server.address());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Ask(HttpFields("GET", "/a?b=c"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /a?b=c ");
    EXPECT_EQ(answer.Header("content-type"), "text/plain");
    EXPECT_EQ(answer.Header("content-length"), "11");
    EXPECT_TRUE(answer.Header("date").ends_with(" GMT"));
    EXPECT_FALSE(answer.Has("connection"));
    EXPECT_EQ(answer.error_code, 0U);
  }
  EXPECT_EQ(client.Ask(HttpFields("POST", "/p"), "body").body, "POST /p body");
  EXPECT_EQ(server.stats().requests, 4U);
  EXPECT_EQ(server.stats().connections_open, 1U);
  EXPECT_GT(server.stats().bytes_received, 100U);
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(Http2ConnectionTest, ShowsHeadersInTheFormOfHttp1) {
  TestServer server({}, [](Exchange& exchange) {
    for (const HttpHeader& header : exchange.request().headers) {
      exchange.response().body += base::StrCat(header.name, "=", header.value, "\n");
    }
    exchange.Send();
  });
  Http2Client client(server.address());
  EXPECT_EQ(client.Ask(HttpFields("GET", "/", {{"a", "1"}, {"b", "2"}, {"a", "3"}})).body,
            "host=h\na=1\nb=2\na=3\n");
  EXPECT_EQ(client.Ask(HttpFields("GET", "/", {{"a", "1"}, {"host", "h"}})).body, "host=h\na=1\n");
  const Fields without = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"x", "1"}, {"host", "named"}};
  EXPECT_EQ(client.Ask(without).body, "host=named\nx=1\n");
}

TEST(Http2ConnectionTest, RefusesWhatHttp1Refuses) {
  TestServer server;
  Http2Client client(server.address());
  const auto ask = [&](std::string_view method, std::string_view path, const Fields& more = {}) {
    return client.Ask(HttpFields(method, path, more)).status;
  };
  EXPECT_EQ(ask("GET", "/", {{"host", "other"}}), 400);
  EXPECT_EQ(ask("GET", "/%2"), 400);
  EXPECT_EQ(ask("GET", "/\x7F"), 0);  // nghttp2 resets the stream
  EXPECT_EQ(ask("OPTIONS", "*"), 200);
  EXPECT_EQ(ask("GET", "/", {{"expect", "miracles"}}), 417);
  const auto coded = client.Ask(HttpFields("POST", "/", {{"content-encoding", "br"}}), "x");
  EXPECT_EQ(coded.status, 501);
  EXPECT_EQ(coded.Header("accept-encoding"), "gzip, deflate");
  EXPECT_EQ(coded.Header("content-type"), "application/json");
  EXPECT_TRUE(coded.body.starts_with("{\"error\": "));
  EXPECT_EQ(client.Ask(HttpFields("POST", "/", {{"content-length", "5"}}), "1234").status, 0);
  EXPECT_EQ(client.Ask(HttpFields("POST", "/", {{"content-length", "3"}}), "1234").status, 0);
  EXPECT_EQ(ask("GET", "/"), 200);  // the connection stays
}

TEST(Http2ConnectionTest, TakesBodiesOfEverySizeInOnePiece) {
  TestServer server({}, AnswerBody);
  Http2Client client(server.address());
  for (const size_t size : {0, 1, 100, 16'000, 16'384, 40'000, 600'000, 5'000'000}) {
    const std::string body = Noise(size);
    EXPECT_EQ(client.Ask(HttpFields("POST", "/"), body).body, body);
    EXPECT_EQ(
        client.Ask(HttpFields("POST", "/", {{"content-length", std::to_string(size)}}), body).body,
        body);
  }
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(Http2ConnectionTest, PadsBodiesSoThatAParserMayReadAhead) {
  TestServer server({}, [](Exchange& exchange) {
    const std::span<std::byte> body = exchange.request().body;
    size_t sum = 0;
    for (size_t i = 0; i < body.size() + 64; ++i) sum += static_cast<size_t>(body.data()[i]);
    exchange.response().body = sum == 0 ? "none" : "some";
    exchange.Send();
  });
  Http2Client client(server.address());
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).body, "none");
  EXPECT_EQ(client.Ask(HttpFields("POST", "/"), "x").body, "some");
}

TEST(Http2ConnectionTest, ServesManyStreamsInAnyOrder) {
  HeldRequests held;
  TestServer server({}, held.handler());
  Http2Client client(server.address());
  std::vector<int32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(client.Begin(HttpFields("GET", base::StrCat("/", i))));
  }
  ASSERT_TRUE(client.WaitUntil([&] { return held.WaitFor(100); }));
  server.OnLoop([&] {
    for (int i = 0; i < 100; ++i) held.AnswerFirst(base::StrCat("answer ", i));
  });
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(client.Wait(ids[i]).body, base::StrCat("answer ", i));
  }
}

TEST(Http2ConnectionTest, AnswersOnConnectionsThatWereRefused) {
  TestServer server({}, [](Exchange& exchange) {
    if (exchange.request().path == "/busy") exchange.response().status = 429;
    exchange.Send();
  });
  Http2Client client(server.address());
  for (int round = 0; round < 20; ++round) {
    const int32_t busy = client.Begin(HttpFields("GET", "/busy"), "", /*end=*/true);
    const int32_t other = client.Begin(HttpFields("GET", "/"), "", /*end=*/true);
    EXPECT_EQ(client.Wait(busy).status, 429);
    EXPECT_EQ(client.Wait(other).status, 200);
  }
}

TEST(Http2ConnectionTest, TakesRequestsThatComeByteByByte) {
  TestServer server;
  RawClient client(server.address());
  const std::string bytes = Http2Preface() +
                            Http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                                       Http2HeaderBlock(HttpFields("POST", "/p"))) +
                            Http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "body") +
                            Http2Frame(NGHTTP2_GOAWAY, 0, 0, Http2Number(0) + Http2Number(0));
  for (const char c : bytes) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_NE(client.ReadToEnd().find("POST /p body"), std::string::npos);
}

TEST(Http2ConnectionTest, AnswersWithoutABody) {
  TestServer server({}, [](Exchange& exchange) {
    if (exchange.request().path == "/204") exchange.response().status = 204;
    exchange.response().body = "12345";
    exchange.Send();
  });
  Http2Client client(server.address());
  const auto head = client.Ask(HttpFields("HEAD", "/"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), "5");
  EXPECT_EQ(head.body, "");
  const auto none = client.Ask(HttpFields("GET", "/204"));
  EXPECT_EQ(none.status, 204);
  EXPECT_FALSE(none.Has("content-length"));
  EXPECT_EQ(none.body, "");
}

TEST(Http2ConnectionTest, UndoesCompressionAndCompresses) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().compressible = true;
    AnswerBody(exchange);
  });
  Http2Client client(server.address());
  const std::string text(50'000, 'x');
  const auto plain =
      client.Ask(HttpFields("POST", "/", {{"content-encoding", "gzip"}}), Gzip(text));
  EXPECT_EQ(plain.body, text);
  const auto packed = client.Ask(HttpFields("POST", "/", {{"accept-encoding", "gzip"}}), text);
  EXPECT_EQ(packed.Header("content-encoding"), "gzip");
  EXPECT_EQ(packed.Header("content-length"), std::to_string(packed.body.size()));
  EXPECT_LT(packed.body.size(), 1'000U);
  std::string cut = Gzip(text);
  cut.pop_back();
  EXPECT_EQ(client.Ask(HttpFields("POST", "/", {{"content-encoding", "gzip"}}), cut).status, 400);
}

TEST(Http2ConnectionTest, ContinuesWhenTheClientWaitsForIt) {
  TestServer server;
  Http2Client client(server.address());
  const int32_t id =
      client.Begin(HttpFields("POST", "/p", {{"expect", "100-continue"}}), "", /*end=*/false);
  ASSERT_TRUE(client.WaitUntil([&] { return client.answer(id).status == 100; }));
  client.Write(id, "body", /*end=*/true);
  EXPECT_EQ(client.Wait(id).body, "POST /p body");
  EXPECT_EQ(client.answer(id).interim, std::vector<int>{100});
}

TEST(Http2ConnectionTest, AnswersBeforeTheRequestIsWholeAndLetsTheClientStop) {
  TestServer server({.body_grace = 50ms, .max_body_bytes = 1'000});
  Http2Client client(server.address());
  const int32_t id = client.Begin(HttpFields("POST", "/"), std::string(2'000, 'x'), /*end=*/false);
  const auto& answer = client.Wait(id);
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("max_body"), std::string::npos);
  EXPECT_EQ(answer.error_code, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  // Who goes on sending gets no reset.
  EXPECT_EQ(client.Ask(HttpFields("POST", "/"), std::string(500'000, 'x')).status, 413);
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).status, 200);
}

TEST(Http2ConnectionTest, SendsLargeAnswersFromWhereTheyLie) {
  const std::string body = Noise(3'000'000);
  const std::string tail = Noise(5'000'000);
  TestServer server({}, [&](Exchange& exchange) {
    exchange.response().body = body;
    for (const size_t size : {tail.size(), size_t{100}}) {
      base::Buffer buffer = base::Buffer::Allocate(size);
      std::memcpy(buffer.data(), tail.data(), size);
      exchange.response().tail.push_back(std::move(buffer));
    }
    exchange.Send();
  });
  for (const uint32_t window : {65'535U, 4U << 20}) {
    Http2Client client(server.address(), {.stream_window = window});
    std::vector<int32_t> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(client.Begin(HttpFields("GET", "/")));
    for (const int32_t id : ids) {
      EXPECT_TRUE(client.Wait(id).body == body + tail + tail.substr(0, 100));
    }
  }
}

TEST(Http2ConnectionTest, StreamsAnswers) {
  std::function<void()> next;
  TestServer server({}, [&](Exchange& exchange) {
    exchange.response().content_type = "text/event-stream";
    exchange.response().body = "first";
    exchange.BeginStream();
    next = [&exchange] {
      exchange.WriteStream(",second");
      exchange.EndStream();
    };
  });
  Http2Client client(server.address());
  const int32_t id = client.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(client.WaitUntil([&] { return client.answer(id).body == "first"; }));
  EXPECT_FALSE(client.answer(id).Has("content-length"));
  server.OnLoop(next);
  EXPECT_EQ(client.Wait(id).body, "first,second");
  const int32_t head = client.Begin(HttpFields("HEAD", "/"));
  ASSERT_TRUE(client.WaitUntil([&] { return client.answer(head).closed; }));
  server.OnLoop(next);
  EXPECT_EQ(client.answer(head).body, "");
}

TEST(Http2ConnectionTest, HoldsBackAStreamThatTheClientDoesNotRead) {
  std::atomic<int> calls = 0;
  Exchange* open = nullptr;
  const std::string piece(100'000, 'p');
  std::atomic<size_t> written = 0;
  const auto write = [&] {
    while (written < 5'000'000) {
      written += piece.size();
      if (!open->WriteStream(piece)) return;
    }
    open->EndStream();
  };
  TestServer server({}, [&](Exchange& exchange) {
    open = &exchange;
    exchange.set_on_writable([&] {
      ++calls;
      write();
    });
    exchange.BeginStream();
    write();
  });
  Http2Client client(server.address(), {.open_windows = false});
  const int32_t id = client.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(client.WaitUntil([&] { return client.answer(id).body.size() == 65'535; }));
  EXPECT_LT(written, 600'000U);
  size_t consumed = 0;
  client.WaitUntil([&] {
    const size_t size = client.answer(id).body.size();
    client.Consume(id, size - std::exchange(consumed, size));
    return client.answer(id).closed;
  });
  EXPECT_EQ(client.answer(id).body.size(), 5'000'000U);
  EXPECT_GT(calls, 10);
}

TEST(Http2ConnectionTest, TellsHandlersThatAClientIsGone) {
  HeldRequests held;
  TestServer server({}, held.handler());
  Http2Client client(server.address());
  const int32_t first = client.Begin(HttpFields("GET", "/1"));
  const int32_t second = client.Begin(HttpFields("GET", "/2"));
  client.Begin(HttpFields("GET", "/3"));
  ASSERT_TRUE(held.WaitFor(3));
  client.Reset(first);
  EXPECT_TRUE(held.WaitForClientsGone(1));
  server.OnLoop([&] { held.AnswerFirst("nobody reads this"); });
  server.OnLoop([&] { held.AnswerFirst("still here"); });
  EXPECT_EQ(client.Wait(second).body, "still here");
  client.Close();
  EXPECT_TRUE(held.WaitForClientsGone(2));
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
  server.OnLoop([&] { held.AnswerFirst("nobody reads this"); });
}

TEST(Http2ConnectionTest, StopsAtOnceWithRequestsInFlight) {
  HeldRequests held;
  TestServer server({}, held.handler());
  Http2Client client(server.address());
  client.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(held.WaitFor(1));
  server.Stop();
  EXPECT_EQ(held.clients_gone(), 1U);
  EXPECT_TRUE(client.WaitUntil([&] { return client.closed(); }));
}

TEST(Http2ConnectionTest, AnswersPings) {
  TestServer server;
  Http2Client client(server.address());
  for (int i = 1; i <= 3; ++i) {
    client.Ping();
    EXPECT_TRUE(client.WaitUntil([&] { return client.pongs() == i; }));
  }
}

TEST(Http2ConnectionTest, AnnouncesItsLimits) {
  TestServer server({.max_header_bytes = 9'000, .max_streams = 7, .stream_window_bytes = 1 << 20});
  Http2Client client(server.address());
  client.Ask(HttpFields("GET", "/"));
  EXPECT_EQ(client.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 7U);
  EXPECT_EQ(client.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), 1U << 20);
  EXPECT_EQ(client.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 9'000U);
}

TEST(Http2ConnectionTest, DrainsWithARequestInFlight) {
  HeldRequests held;
  TestServer server({}, held.handler());
  Http2Client idle(server.address());
  Http2Client client(server.address());
  idle.Ping();
  ASSERT_TRUE(idle.WaitUntil([&] { return idle.pongs() == 1; }));
  const int32_t id = client.Begin(HttpFields("GET", "/"));
  ASSERT_TRUE(held.WaitFor(1));
  server.server().BeginDrain();
  // nghttp2's client looks at no second GOAWAY when it has no stream.
  EXPECT_TRUE(idle.WaitUntil([&] { return idle.closed(); }));
  EXPECT_EQ(idle.goaway(), static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  EXPECT_TRUE(client.WaitUntil([&] { return client.goaways() == 2; }));
  EXPECT_FALSE(client.closed());
  server.OnLoop([&] { held.AnswerFirst("last words"); });
  EXPECT_EQ(client.Wait(id).body, "last words");
  EXPECT_TRUE(client.WaitUntil([&] { return client.closed(); }));
  client.Close();
  idle.Close();
  EXPECT_TRUE(server.server().WaitDrained(5s));
}

TEST(Http2ConnectionTest, TellsBusyClientsToLeaveBeforeADrain) {
  TestServer server;
  Http2Client client(server.address());
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).status, 200);
  EXPECT_EQ(client.goaways(), 0);
  server.server().BeginClosing();
  server.OnLoop([] {});
  EXPECT_EQ(client.Ask(HttpFields("GET", "/")).status, 200);
  EXPECT_TRUE(client.WaitUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.goaway(), static_cast<uint32_t>(NGHTTP2_NO_ERROR));
}

TEST(Http2ConnectionTest, KeepsForgedHeadersOutOfAnswers) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().AddHeader("x-echo", "a\r\nx-forged: 1");
    exchange.Send();
  });
  Http2Client client(server.address());
  const auto answer = client.Ask(HttpFields("GET", "/"));
  EXPECT_EQ(answer.Header("x-echo"), "a  x-forged: 1");
  EXPECT_FALSE(answer.Has("x-forged"));
}

TEST(Http2ConnectionTest, RefusesAConnectionThatIsNotWhatItSaid) {
  TestServer server;
  RawClient client(server.address());
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r");
  EXPECT_EQ(GoawayIn(client.ReadToEnd()), static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
  EXPECT_TRUE(Eventually([&] { return server.stats().protocol_errors == 1; }));
}

}  // namespace
}  // namespace slipway::net

#include "net/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/str_cat.h"
#include "base/testing/fake_clock.h"
#include "net/content_coding.h"
#include "net/event_loop.h"
#include "net/http1_response.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

std::string Post(std::string_view body, std::string_view headers = "") {
  return base::StrCat("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: ", body.size(), "\r\n",
                      headers, "\r\n", body);
}

std::string Chunked(std::initializer_list<std::string_view> chunks, std::string_view headers = "") {
  std::string text = base::StrCat("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n",
                                  headers, "\r\n");
  char size[32];
  for (const std::string_view chunk : chunks) {
    std::snprintf(size, sizeof(size), "%zx\r\n", chunk.size());
    text += base::StrCat(size, chunk, "\r\n");
  }
  return text + "0\r\n\r\n";
}

std::string Compress(ContentCoding coding, std::string_view text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(coding, pieces, out));
  return out;
}

TEST(ServerTest, AnswersAndKeepsTheConnection) {
  TestServer server;
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Ask(Get("/a?b=c"));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "GET /a?b=c ");
    EXPECT_TRUE(answer->Has("content-type: text/plain\r\n"));
    EXPECT_TRUE(answer->Has(" gmt\r\n"));
    EXPECT_FALSE(answer->Has("connection:"));
  }
  EXPECT_EQ(server.stats().requests, 3U);
  EXPECT_EQ(server.stats().connections_open, 1U);
  EXPECT_EQ(server.stats().connections_accepted, 1U);
  EXPECT_TRUE(Eventually([&] { return server.stats().bytes_sent > 300; }));
}

TEST(ServerTest, TakesBodiesOfEverySizeInOnePiece) {
  TestServer server;
  RawClient client(server.address());
  for (const size_t size : {0, 1, 100, 16'000, 16'200, 16'384, 40'000, 600'000, 5'000'000}) {
    std::string body(size, 'x');
    for (size_t i = 0; i < size; i += 17) body[i] = static_cast<char>('a' + i % 23);
    const auto answer = client.Ask(Post(body));
    ASSERT_TRUE(answer.has_value()) << size;
    EXPECT_TRUE(answer->body == "POST /p " + body) << size;
    if (size < 3) continue;
    const std::string_view view = body;
    const auto chunked = client.Ask(Chunked({view.substr(0, size / 3), view.substr(size / 3)}));
    ASSERT_TRUE(chunked.has_value()) << size;
    EXPECT_TRUE(chunked->body == "POST /p " + body) << size;
  }
}

TEST(ServerTest, PadsBodiesSoThatAParserMayReadAhead) {
  TestServer server({}, [](Exchange& exchange) {
    const std::span<std::byte> body = exchange.request().body;
    unsigned sum = 0;  // under AddressSanitizer this is the test
    for (size_t i = 0; i < 64; ++i) sum += static_cast<unsigned>(body.data()[body.size() + i]);
    exchange.response().body = base::StrCat(sum == 1'000'000 ? "?" : "read ", body.size());
    exchange.Send();
  });
  RawClient client(server.address());
  for (const size_t size : {0, 1, 16'000, 16'250, 16'300, 16'320, 16'384, 100'000}) {
    EXPECT_EQ(client.Ask(Post(std::string(size, 'x')))->body, base::StrCat("read ", size));
  }
}

TEST(ServerTest, TakesRequestsThatComeByteByByte) {
  TestServer server;
  RawClient client(server.address());
  for (const std::string& request : {Post("hello"), Chunked({"hel", "lo"}), Get("/x")}) {
    for (const char c : request) {
      ASSERT_TRUE(client.Send({&c, 1}));
      server.OnLoop([] {});  // the loop has had a round
    }
    ASSERT_TRUE(client.Read().has_value());
  }
}

TEST(ServerTest, TakesManyRequestsCutAtEveryPlace) {
  TestServer server;
  const std::string stream = Post("hello") + Get("/x") + Chunked({"a", "bc"}) + Get("/last");
  for (size_t cut = 1; cut < stream.size(); cut += 3) {
    RawClient client(server.address());
    client.Send(std::string_view(stream).substr(0, cut));
    server.OnLoop([] {});
    client.Send(std::string_view(stream).substr(cut));
    EXPECT_EQ(client.Read()->body, "POST /p hello");
    EXPECT_EQ(client.Read()->body, "GET /x ");
    EXPECT_EQ(client.Read()->body, "POST /p abc");
    EXPECT_EQ(client.Read()->body, "GET /last ");
  }
}

TEST(ServerTest, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  RawClient client(server.address());
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += Get(base::StrCat("/", i));
  client.Send(requests);
  for (int i = 0; i < 1000; ++i) {
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value()) << i;
    EXPECT_EQ(answer->body, base::StrCat("GET /", i, " "));
  }
}

TEST(ServerTest, AnswersInOrderOfRequestsEvenWhenHandlersAnswerOutOfOrder) {
  std::vector<Exchange*> held;
  TestServer server({}, [&](Exchange& exchange) {
    held.push_back(&exchange);
    if (held.size() < 3) return;
    for (size_t i : {2, 0, 1}) {
      held[i]->response().body = held[i]->request().path;
      held[i]->Send();
    }
  });
  RawClient client(server.address());
  client.Send(Get("/0") + Get("/1") + Get("/2"));
  for (const char* path : {"/0", "/1", "/2"}) EXPECT_EQ(client.Read()->body, path);
}

TEST(ServerTest, ReadsAheadNoMoreThanMaxPipelined) {
  HeldRequests held;
  TestServer server({.max_pipelined = 3}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/0") + Get("/1") + Get("/2") + Get("/3") + Get("/4"));
  ASSERT_TRUE(held.WaitFor(3));
  server.OnLoop([] {});
  EXPECT_EQ(server.stats().requests, 3U);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(held.WaitFor(1));
    server.OnLoop([&] { held.AnswerFirst("x"); });
    EXPECT_EQ(client.Read()->status, 200);
  }
}

TEST(ServerTest, AnswersMixedPipelinesOfLargeAndSmallRequests) {
  HeldRequests held;
  TestServer server({}, [&](Exchange& exchange) {
    EXPECT_EQ(exchange.request().path, "/p");
    held.handler()(exchange);
  });
  RawClient client(server.address());
  const std::string large(300'000, 'x');
  const std::string medium(9'000, 'y');  // two of them do not fit into one block
  client.Send(Post("a") + Post(medium) + Post(medium) + Post(large) + Chunked({"b", "c"}) +
              Post(medium));
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(held.WaitFor(1)) << i;
    server.OnLoop([&] { held.AnswerFirst(base::StrCat(i)); });
    EXPECT_EQ(client.Read()->body, base::StrCat(i));
  }
}

TEST(ServerTest, AnswersHeadWithoutABody) {
  TestServer server;
  RawClient client(server.address());
  client.Send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/y"));
  const auto head = client.Read(/*no_body=*/true);
  EXPECT_TRUE(head->Has("content-length: 8\r\n"));
  EXPECT_EQ(client.Read()->body, "GET /y ");
}

TEST(ServerTest, SpeaksHttp10) {
  TestServer server;
  RawClient once(server.address());
  const auto answer = once.Ask("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer->body, "GET /x ");
  EXPECT_TRUE(answer->Has("connection: close\r\n"));
  EXPECT_TRUE(once.WaitForClose());
  RawClient kept(server.address());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(kept.Ask("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    ->Has("connection: keep-alive\r\n"));
  }
}

TEST(ServerTest, ClosesAfterTheAnswerWhenAsked) {
  TestServer server;
  RawClient client(server.address());
  const auto answer = client.Ask(Get("/x", "Connection: close\r\n") + Get("/ignored"));
  EXPECT_TRUE(answer->Has("connection: close\r\n"));
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(server.stats().requests, 1U);
}

TEST(ServerTest, KeepsTheConnectionAfterAnErrorOfTheHandler) {
  TestServer server({}, [](Exchange& exchange) {
    SetError(exchange.response(), 500, "it \"broke\"");
    exchange.Send();
  });
  RawClient client(server.address());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Ask(Post("x"));
    EXPECT_EQ(answer->status, 500);
    EXPECT_EQ(answer->body, R"({"error": "it \"broke\""})");
    EXPECT_FALSE(answer->Has("connection:"));
  }
}

// Those who are told to come later are looked at less often for a while; see
// Connection::NoteAnswer().
TEST(ServerTest, AnswersOnConnectionsThatWereRefused) {
  TestServer server({}, [](Exchange& exchange) {
    if (exchange.request().path == "/busy") exchange.response().status = 429;
    exchange.Send();
  });
  RawClient client(server.address());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.Ask(Get("/busy"))->status, 429);
    EXPECT_EQ(client.Ask(Get("/"))->status, 200);
  }
  client.Send(Get("/busy") + Get("/") + Get("/busy", "Connection: close\r\n"));
  for (const int status : {429, 200, 429}) EXPECT_EQ(client.Read()->status, status);
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
}

TEST(ServerTest, AnswersAProtocolErrorAfterTheAnswersBeforeItAndCloses) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/x") + "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + Get("/never"));
  ASSERT_TRUE(held.WaitFor(1));
  server.OnLoop([&] { held.AnswerFirst("first"); });
  EXPECT_EQ(client.Read()->body, "first");
  const auto error = client.Read();
  EXPECT_EQ(error->status, 400);
  EXPECT_EQ(error->body, R"({"error": "the request has more than one Host header"})");
  EXPECT_TRUE(error->Has("connection: close\r\n"));
  EXPECT_TRUE(error->Has("content-type: application/json\r\n"));
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(server.stats().requests, 1U);
  EXPECT_EQ(server.stats().protocol_errors, 1U);
}

TEST(ServerTest, LetsAClientThatIsStillSendingReadTheError) {
  TestServer server({.max_body_bytes = 1000});
  RawClient client(server.address());
  const std::string body(3'000'000, 'x');
  ASSERT_TRUE(client.Send(Post(body)));  // all of it, before reading
  EXPECT_EQ(client.Read()->status, 413);
}

TEST(ServerTest, ContinuesWhenTheClientWaitsForIt) {
  TestServer server({.max_body_bytes = 100'000});
  RawClient client(server.address());
  for (const size_t size : {5, 50'000}) {
    const std::string request = Post(std::string(size, 'x'), "Expect: 100-continue\r\n");
    const size_t head = request.find("\r\n\r\n") + 4;
    EXPECT_EQ(client.Ask(std::string_view(request).substr(0, head))->status, 100);
    EXPECT_EQ(client.Ask(std::string_view(request).substr(head))->status, 200);
  }
  const std::string chunked = Chunked({"abc"}, "Expect: 100-Continue\r\n");
  const size_t head = chunked.find("\r\n\r\n") + 4;
  EXPECT_EQ(client.Ask(std::string_view(chunked).substr(0, head))->status, 100);
  EXPECT_EQ(client.Ask(std::string_view(chunked).substr(head))->body, "POST /p abc");
  // A body that is there already needs no asking.
  EXPECT_EQ(client.Ask(Post("abc", "Expect: 100-continue\r\n"))->status, 200);
  EXPECT_EQ(client
                .Ask("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                     "Content-Length: 100001\r\n\r\n")
                ->status,
            413);
  RawClient other(server.address());
  EXPECT_EQ(other.Ask(Post("x", "Expect: 200-ok\r\n"))->status, 417);
}

TEST(ServerTest, DecompressesRequestBodies) {
  TestServer server;
  RawClient client(server.address());
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += base::StrCat(i, ",");
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kDeflate}) {
    const std::string data = Compress(coding, text);
    // Which format it is, the data says; the name may be either.
    for (const char* field : {"Content-Encoding: gzip\r\n", "Content-Encoding: deflate\r\n"}) {
      const auto whole = client.Ask(Post(data, field));
      ASSERT_TRUE(whole.has_value());
      EXPECT_TRUE(whole->body == "POST /p " + text);
      const auto chunked = client.Ask(Chunked(
          {std::string_view(data).substr(0, 10), std::string_view(data).substr(10)}, field));
      ASSERT_TRUE(chunked.has_value());
      EXPECT_TRUE(chunked->body == "POST /p " + text);
    }
  }
  EXPECT_EQ(client.Ask(Post("", "Content-Encoding: gzip\r\n"))->body, "POST /p ");
}

TEST(ServerTest, RefusesBodiesThatItCannotDecompress) {
  TestServer server;
  const auto ask = [&](const std::string& request) {
    return *RawClient(server.address()).Ask(request);
  };
  const auto unknown = ask(Post("x", "Content-Encoding: br\r\n"));
  EXPECT_EQ(unknown.status, 501);
  EXPECT_TRUE(unknown.Has("accept-encoding: gzip, deflate\r\n"));
  EXPECT_EQ(ask(Post("x", "Content-Encoding: gzip, gzip\r\n")).status, 501);
  EXPECT_EQ(ask(Post("not gzip", "Content-Encoding: gzip\r\n")).status, 400);
  const std::string data = Compress(ContentCoding::kGzip, std::string(1000, 'x'));
  EXPECT_EQ(ask(Post(data.substr(0, data.size() - 1), "Content-Encoding: gzip\r\n")).status, 400);
  EXPECT_EQ(ask(Post(data + "x", "Content-Encoding: gzip\r\n")).status, 400);
}

TEST(ServerTest, CompressesAnswersThatMayBeCompressed) {
  const std::string text(100'000, 'z');
  TestServer server({}, [&](Exchange& exchange) {
    HttpResponse& response = exchange.response();
    const std::string_view path = exchange.request().path;
    response.compressible = path != "/plain";
    response.status = path == "/error" ? 500 : 200;
    response.body = path == "/small" ? "small" : text.substr(0, 50'000);
    if (path != "/small") {
      response.tail.push_back(base::Buffer::Allocate(50'000));
      std::memset(response.tail[0].data(), 'z', 50'000);
    }
    exchange.Send();
  });
  RawClient client(server.address());
  const auto gzip = client.Ask(Get("/", "Accept-Encoding: gzip, deflate\r\n"));
  EXPECT_TRUE(gzip->Has("content-encoding: gzip\r\n"));
  EXPECT_TRUE(gzip->Has("vary: accept-encoding\r\n"));
  EXPECT_LT(gzip->body.size(), 2000U);
  EXPECT_TRUE(
      client.Ask(Get("/", "Accept-Encoding: gzip;q=0.5\r\nX: y\r\naccept-encoding: deflate\r\n"))
          ->Has("content-encoding: deflate\r\n"));
  EXPECT_TRUE(client.Ask(Get("/", "Accept-Encoding: gzip;q=0.1, deflate\r\n"))
                  ->Has("content-encoding: deflate\r\n"));
  for (const char* path : {"/plain", "/error", "/small"}) {
    const auto plain = client.Ask(Get(path, "Accept-Encoding: gzip\r\n"));
    EXPECT_FALSE(plain->Has("content-encoding")) << path;
    EXPECT_FALSE(plain->Has("vary")) << path;
  }
  const auto identity = client.Ask(Get("/"));
  EXPECT_FALSE(identity->Has("content-encoding"));
  EXPECT_TRUE(identity->Has("vary: accept-encoding\r\n"));
  EXPECT_TRUE(identity->body == text);
}

TEST(ServerTest, StreamsAnswers) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().content_type = "text/event-stream";
    exchange.response().body = "first ";
    exchange.BeginStream();
    exchange.WriteStream("");
    exchange.WriteStream("second ");
    exchange.loop().Post([&exchange] {
      exchange.WriteStream("third");
      exchange.EndStream();
    });
  });
  RawClient client(server.address());
  client.Send(Get("/a") + Get("/b"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->body, "first second third");
    EXPECT_TRUE(answer->Has("transfer-encoding: chunked\r\n"));
    EXPECT_FALSE(answer->Has("content-length"));
  }
  client.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.Read(/*no_body=*/true).has_value());
  RawClient old(server.address());
  const auto answer = old.Ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + Get("/never"));
  EXPECT_EQ(answer->body, "first second third");
  EXPECT_EQ(server.stats().requests, 4U);
  EXPECT_TRUE(answer->Has("connection: close\r\n"));
}

TEST(ServerTest, HoldsBackAStreamThatTheClientDoesNotRead) {
  constexpr size_t kTotal = 20'000'000;
  const std::string piece(10'000, 'p');
  std::atomic<size_t> written = 0;
  std::atomic<bool> held_back = false;
  std::function<void(Exchange&)> write = [&](Exchange& exchange) {
    while (written < kTotal) {
      written += piece.size();
      if (!exchange.WriteStream(piece)) {
        held_back = true;
        return;
      }
    }
    exchange.EndStream();
  };
  TestServer server({}, [&](Exchange& exchange) {
    exchange.BeginStream();
    exchange.set_on_writable([&] { write(exchange); });
    write(exchange);
  });
  RawClient client(server.address(), 64 * 1024);
  client.Send(Get("/"));
  ASSERT_TRUE(Eventually([&] { return held_back.load(); }));
  EXPECT_LT(written, kTotal / 2);
  const auto answer = client.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body.size(), kTotal);
}

TEST(ServerTest, DoesNotReadRequestsOfAClientThatDoesNotReadAnswers) {
  const std::string large(100'000, 'x');
  TestServer server({}, [&](Exchange& exchange) {
    exchange.response().body = large;
    exchange.Send();
  });
  RawClient client(server.address(), 64 * 1024);
  std::string requests;
  for (int i = 0; i < 10'000; ++i) requests += Get("/");
  std::thread sender([&] { client.Send(requests); });
  ASSERT_TRUE(Eventually([&] { return server.stats().requests > 10; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(server.stats().requests,
            500U);  // what fits into the kernel's buffers, and one pipeline
  for (int i = 0; i < 500; ++i) ASSERT_EQ(client.Read()->body.size(), large.size());
  client.ShutDownSending();
  server.Stop();
  sender.join();
}

TEST(ServerTest, SendsLargeAnswersWithTails) {
  TestServer server({}, [](Exchange& exchange) {
    HttpResponse& response = exchange.response();
    response.body = "head ";
    for (int i = 0; i < 100; ++i) {
      response.tail.push_back(base::Buffer::Allocate(70'000));
      std::memset(response.tail.back().data(), 'a' + i % 26, 70'000);
    }
    exchange.Send();
  });
  RawClient client(server.address(), 16 * 1024);
  client.Send(Get("/1") + Get("/2"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Read();
    ASSERT_EQ(answer->body.size(), 7'000'005U);
    EXPECT_EQ(answer->body[5], 'a');
    EXPECT_EQ(answer->body[5 + 70'000 * 27], 'b');
  }
}

TEST(ServerTest, AnswersAClientThatHasShutItsSide) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/1") + Get("/2"));
  client.ShutDownSending();
  ASSERT_TRUE(held.WaitFor(2));
  for (const char* body : {"one", "two"}) server.OnLoop([&] { held.AnswerFirst(body); });
  EXPECT_EQ(client.Read()->body, "one");
  EXPECT_EQ(client.Read()->body, "two");
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(held.clients_gone(), 0U);
}

TEST(ServerTest, AsksAClientThatHasShutItsSideWhetherItStillReads) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient waiting(server.address());
  waiting.Send(Get("/1"));
  waiting.ShutDownSending();
  EXPECT_EQ(waiting.Read()->status, 100);  // an interim answer, while the handler still works
  server.OnLoop([&] { held.AnswerFirst("late"); });
  EXPECT_EQ(waiting.Read()->body, "late");
  EXPECT_EQ(held.clients_gone(), 0U);

  RawClient gone(server.address());
  gone.Send(Get("/2"));
  ASSERT_TRUE(held.WaitFor(1));
  gone.Close();
  EXPECT_TRUE(held.WaitForClientsGone(1));
  server.OnLoop([&] { held.AnswerFirst("for nobody"); });
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
}

TEST(ServerTest, TellsHandlersThatAClientIsGone) {
  HeldRequests held;
  TestServer server({}, held.handler());
  RawClient client(server.address());
  client.Send(Get("/1") + Get("/2"));
  ASSERT_TRUE(held.WaitFor(2));
  client.Reset();
  EXPECT_TRUE(held.WaitForClientsGone(2));
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
  for (int i = 0; i < 2; ++i) server.OnLoop([&] { held.AnswerFirst("dropped"); });
  EXPECT_EQ(RawClient(server.address()).Ask("BAD\r\n\r\n")->status, 400);
}

TEST(ServerTest, GivesUpWorkFromWithinTheClientGoneCallback) {
  std::atomic<int> gone = 0;
  std::atomic<int> begun = 0;
  TestServer server({}, [&](Exchange& exchange) {
    ++begun;
    exchange.set_on_client_gone([&] {
      ++gone;
      EXPECT_TRUE(exchange.client_gone());
      exchange.Send();
    });
  });
  for (int round = 0; round < 3; ++round) {
    RawClient client(server.address());
    client.Send(Get("/1") + Get("/2") + Get("/3"));
    ASSERT_TRUE(Eventually([&] { return begun == 3 * (round + 1); }));
    client.Reset();
    ASSERT_TRUE(Eventually([&] { return gone == 3 * (round + 1); }));
  }
}

TEST(ServerTest, SurvivesClientsThatGoInTheMiddleOfARequest) {
  TestServer server;
  const std::string requests[] = {Post(std::string(100'000, 'x')),
                                  Chunked({std::string(1000, 'y')}), Get("/", "X: y\r\n")};
  for (const std::string& request : requests) {
    for (const size_t cut : {size_t{3}, request.size() / 2, request.size() - 1}) {
      RawClient reset(server.address());
      reset.Send(std::string_view(request).substr(0, cut));
      server.OnLoop([] {});
      reset.Reset();
      RawClient half(server.address());
      half.Send(std::string_view(request).substr(0, cut));
      half.ShutDownSending();
      EXPECT_EQ(half.Read()->status, 400);
    }
  }
  EXPECT_EQ(RawClient(server.address()).Ask(Get("/"))->status, 200);
  EXPECT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
  EXPECT_TRUE(Eventually([&] { return server.stats().buffered_bytes == 0; }));
}

TEST(ServerTest, KeepsForgedHeadersOutOfAnswers) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().AddHeader("x-request-id", "a\r\nset-cookie: b");
    exchange.Send();
  });
  EXPECT_TRUE(RawClient(server.address()).Ask(Get("/"))->Has("x-request-id: a  set-cookie: b\r\n"));
}

TEST(ServerTest, SendsNoBodyWithAStatusThatHasNone) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.response().status = 204;
    exchange.response().body = "nothing";
    exchange.Send();
  });
  RawClient client(server.address());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Ask(Get("/"));
    EXPECT_EQ(answer->status, 204);
    EXPECT_FALSE(answer->Has("content-length"));
  }
}

TEST(DateCacheTest, FormatsAsHttpDatesAndFollowsTheClock) {
  base::FakeClock clock;  // starts an hour after both epochs
  DateCache date(clock);
  EXPECT_EQ(date.At(clock.SteadyNow()), "Thu, 01 Jan 1970 01:00:00 GMT");
  clock.Advance(999ms);
  EXPECT_EQ(date.At(clock.SteadyNow()), "Thu, 01 Jan 1970 01:00:00 GMT");
  clock.Advance(1ms);
  EXPECT_EQ(date.At(clock.SteadyNow()), "Thu, 01 Jan 1970 01:00:01 GMT");
  clock.Advance(24h * 31);
  EXPECT_EQ(date.At(clock.SteadyNow()), "Sun, 01 Feb 1970 01:00:01 GMT");
}

}  // namespace
}  // namespace slipway::net

#include "net/http_client.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <utility>

#include "base/str_cat.h"
#include "net/listen_address.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_fixture.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

// Accepts one connection, reads something, and answers with `answer`, whatever it is.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::string answer)
      : listener_(*Listen(address_, false)),
        thread_([this, answer = std::move(answer)] { Serve(answer); }) {}
  ~ScriptedServer() { thread_.join(); }
  std::string url() const { return "http://" + address_.text; }

 private:
  void Serve(const std::string& answer) {
    int fd = -1;
    while ((fd = ::accept(listener_.get(), nullptr, nullptr)) < 0) std::this_thread::sleep_for(1ms);
    const base::UniqueFd owner(fd);
    char request[4096];
    ::recv(fd, request, sizeof(request), 0);
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    while (::recv(fd, request, sizeof(request), 0) > 0) {
    }
  }

  ListenAddress address_{"127.0.0.1:0"};
  base::UniqueFd listener_;
  std::thread thread_;
};

class HttpClientTest : public testing::Test {
 protected:
  HttpClient Client(const std::string& url, const HttpClient::Options& options = {}) {
    return *HttpClient::Create(url, clock_, options);
  }
  base::Result<HttpClient::Response> GetFrom(const std::string& answer) {
    ScriptedServer server(answer);
    HttpClient client = Client(server.url(), {.timeout = 2s, .max_response_bytes = 1000});
    return client.Send({});
  }
  base::RealClock clock_;
};

TEST_F(HttpClientTest, SendsAndKeepsTheConnection) {
  TestServer server;
  HttpClient client = Client(server.url());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Send({.method = "POST", .target = "/a?b", .body = "hello"});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /a?b hello");
    EXPECT_EQ(answer->Header("content-type"), "text/plain");
  }
  EXPECT_EQ(server.stats().connections_accepted, 1U);
  EXPECT_TRUE(client.Send({.method = "HEAD"}).ok());
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(client.Send({.method = "PUT", .body = large})->body.size(), large.size() + 6);
}

TEST_F(HttpClientTest, SpeaksToUnixSocketsAndNames) {
  const std::string address = base::StrCat("unix:/tmp/slipway-client-test-", ::getpid(), ".sock");
  TestServer server({}, nullptr, address);
  EXPECT_EQ(Client(address).Send({.target = "/x"})->body, "GET /x ");
  EXPECT_TRUE(HttpClient::Create("http://localhost:80", clock_).ok());
}

TEST_F(HttpClientTest, SendsHeadersAndReadsChunks) {
  TestServer server({}, [](Exchange& exchange) {
    exchange.BeginStream();
    exchange.WriteStream(exchange.request().Header("x-token"));
    exchange.WriteStream(std::string(100'000, 'y'));
    exchange.EndStream();
  });
  HttpClient client = Client(server.url());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.Send({.headers = {{"X-Token", "abc"}}})->body,
              "abc" + std::string(100'000, 'y'));
  }
}

TEST_F(HttpClientTest, ConnectsAnewWhenTheServerHasClosed) {
  TestServer server({.idle_timeout = 20ms});
  HttpClient client = Client(server.url());
  ASSERT_TRUE(client.Send({}).ok());
  ASSERT_TRUE(Eventually([&] { return server.stats().connections_open == 0; }));
  EXPECT_TRUE(client.Send({}).ok());
  EXPECT_EQ(server.stats().connections_accepted, 2U);
}

TEST_F(HttpClientTest, ReadsTheRefusalOfABodyThatIsTooLarge) {
  TestServer server({.max_body_bytes = 1000});
  HttpClient client = Client(server.url());
  const std::string large(5'000'000, 'x');
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Send({.method = "POST", .body = large});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 413);
  }
}

TEST_F(HttpClientTest, SaysWhatIsWrongWithUrls) {
  for (const char* bad : {"", "127.0.0.1:80", "http://", "http://a/b", "http://u@h", "unix:"}) {
    EXPECT_EQ(HttpClient::Create(bad, clock_).status().code(), base::StatusCode::kInvalidArgument)
        << bad;
  }
  HttpClient client = Client("http://127.0.0.1:1");
  EXPECT_EQ(client.Send({.target = "/a b"}).status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Send({.headers = {{"a", "b\r\nc: d"}}}).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Send({}).status().code(), base::StatusCode::kUnavailable);
}

TEST_F(HttpClientTest, GivesUpAfterItsTimeout) {
  HeldRequests held;
  TestServer server({}, held.handler());
  HttpClient client = Client(server.url(), {.timeout = 50ms});
  EXPECT_EQ(client.Send({}).status().code(), base::StatusCode::kDeadlineExceeded);
}

TEST_F(HttpClientTest, ReadsAnswersInEveryFraming) {
  EXPECT_EQ(GetFrom("HTTP/1.1 200 OK\r\n\r\nuntil the end")->body, "until the end");
  EXPECT_EQ(GetFrom("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")->status, 204);
  EXPECT_EQ(GetFrom("HTTP/1.0 404 x\r\nContent-Length:  3 \r\n\r\nabc")->body, "abc");
}

TEST_F(HttpClientTest, RefusesAnswersThatAreWrongOrTooLarge) {
  using base::StatusCode;
  const std::string large(2000, 'x');
  const std::pair<std::string, StatusCode> cases[] = {
      {"", StatusCode::kUnavailable},
      {"HTTP/1.1 200 OK\r\n", StatusCode::kUnavailable},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", StatusCode::kUnavailable},
      {"SSH-2.0-x\r\n\r\n", StatusCode::kDataLoss},
      {"HTTP/1.1 2x0 OK\r\n\r\n", StatusCode::kDataLoss},
      {"HTTP/1.1 200 OK\r\nnocolon\r\n\r\n", StatusCode::kDataLoss},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", StatusCode::kDataLoss},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", StatusCode::kDataLoss},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), StatusCode::kDataLoss},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", StatusCode::kResourceExhausted},
      {"HTTP/1.1 200 OK\r\n\r\n" + large, StatusCode::kResourceExhausted},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + large,
       StatusCode::kResourceExhausted},
  };
  for (const auto& [answer, code] : cases) {
    EXPECT_EQ(GetFrom(answer).status().code(), code) << answer.substr(0, 100);
  }
}

class HttpsClientTest : public testing::Test {
 protected:
  base::Result<HttpClient::Response> Get(const std::string& url,
                                         const TlsClientContext::Options& options) {
    const auto tls = TlsClientContext::Create(options, tls_.fs);
    if (!tls.ok()) return tls.status();
    auto client = HttpClient::Create(url, tls_.clock, {.timeout = 5s, .tls = tls->get()});
    if (!client.ok()) return client.status();
    return client->Send({.target = "/x"});
  }
  std::string Trusted() const { return tls_.Write("ca.pem", tls_.authority.certificate()); }
  TlsFixture tls_;
};

TEST_F(HttpsClientTest, SendsAndKeepsTheConnection) {
  const auto context = tls_.Make();
  TestServer server({}, nullptr, "127.0.0.1:0", 1, context.get());
  const auto tls = TlsClientContext::Create({.ca_file = Trusted()}, tls_.fs);
  HttpClient made = *HttpClient::Create(server.url(), tls_.clock, {.tls = tls->get()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(made.Send({.target = "/x"})->body, "GET /x ");
  HttpClient client = std::move(made);
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(client.Send({.method = "PUT", .body = large})->body.size(), large.size() + 6);
  EXPECT_EQ(server.stats().connections_accepted, 1U);
  EXPECT_EQ(HttpClient::Create(server.url(), tls_.clock).status().code(),
            base::StatusCode::kInvalidArgument);
}

TEST_F(HttpsClientTest, TrustsOnlyWhomItIsToldTo) {
  const auto context = tls_.Make();
  TestServer server({}, nullptr, "127.0.0.1:0", 1, context.get());
  const std::string port = server.url().substr(server.url().rfind(':'));
  EXPECT_TRUE(Get(server.url(), {.ca_file = Trusted()}).ok());
  EXPECT_TRUE(Get("https://localhost" + port, {.ca_file = Trusted()}).ok());
  const auto unknown = Get(server.url(), {});
  EXPECT_EQ(unknown.status().code(), base::StatusCode::kUnauthenticated);
  EXPECT_NE(unknown.status().message().find("--cacert"), std::string::npos) << unknown.status();
  EXPECT_TRUE(Get(server.url(), {.insecure = true}).ok());
  tls_.WriteServerPair(tls_.authority.Issue({.alternatives = "DNS:elsewhere"}));
  ASSERT_TRUE(context->Reload().ok());
  const auto other = Get(server.url(), {.ca_file = Trusted()});
  EXPECT_NE(other.status().message().find("mismatch"), std::string::npos) << other.status();
  EXPECT_EQ(Get(server.url(), {.ca_file = "/none"}).status().code(), base::StatusCode::kNotFound);
}

TEST_F(HttpsClientTest, ShowsItsCertificate) {
  TlsContext::Options options = tls_.options();
  options.client_auth = TlsContext::ClientAuth::kRequired;
  options.client_ca_file = Trusted();
  const auto context = tls_.Make(options);
  TestServer server({}, nullptr, "127.0.0.1:0", 1, context.get());
  const TestAuthority::Pair pair = tls_.authority.Issue();
  const std::string both = tls_.Write("both.pem", pair.certificate + pair.key);
  EXPECT_TRUE(Get(server.url(), {.ca_file = Trusted(), .certificate_file = both}).ok());
  const auto nobody = Get(server.url(), {.ca_file = Trusted()});
  EXPECT_EQ(nobody.status().code(), base::StatusCode::kUnauthenticated) << nobody.status();
  EXPECT_NE(nobody.status().message().find("--cert"), std::string::npos);
}

TEST_F(HttpsClientTest, SaysWhenTheServerSpeaksPlaintext) {
  TestServer server;
  const std::string port = server.url().substr(server.url().rfind(':'));
  const auto answer = Get("https://127.0.0.1" + port, {.insecure = true});
  EXPECT_EQ(answer.status().code(), base::StatusCode::kUnavailable);
  EXPECT_NE(answer.status().message().find("use http://"), std::string::npos) << answer.status();
}

}  // namespace
}  // namespace slipway::net

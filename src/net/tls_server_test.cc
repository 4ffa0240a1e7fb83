#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "base/str_cat.h"
#include "net/testing/raw_client.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_fixture.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: t\r\n\r\n";

std::string Post(const std::string& body) {
  return base::StrCat("POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: ", body.size(), "\r\n\r\n",
                      body);
}

std::string Noise(size_t size) {
  std::mt19937 random(7);
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

base::Buffer Copy(std::string_view text) {
  base::Buffer buffer = base::Buffer::Allocate(text.size());
  std::memcpy(buffer.data(), text.data(), text.size());
  return buffer;
}

// A copy: a connection that uses a session may end it.
void Offer(const SSL_SESSION* session, SSL* connection) {
  SSL_SESSION* const copy = SSL_SESSION_dup(session);
  SSL_set_session(connection, copy);
  SSL_SESSION_free(copy);
}

class TlsServerTest : public testing::Test {
 protected:
  void Serve() { Serve(tls_.options()); }
  void Serve(const TlsContext::Options& options, const Limits& limits = {},
             std::string_view address = "127.0.0.1:0", TestServer::OnRequest handler = nullptr) {
    context_ = tls_.Make(options);
    server_ = std::make_unique<TestServer>(limits, std::move(handler), address, 2, context_.get());
  }
  TlsContext::Options WithClientAuth(TlsContext::ClientAuth auth) const {
    TlsContext::Options options = tls_.options();
    options.client_auth = auth;
    options.client_ca_file = tls_.Write("client-ca.pem", tls_.authority.certificate());
    return options;
  }
  // "" when a client of `context` is served, else what its handshake or first request says.
  std::string Try(SSL_CTX& context, const std::vector<std::string>& protocols = {"http/1.1"}) {
    RawClient client(server_->address());
    std::string error = client.StartTls(TlsFixture::NewClient(context, protocols));
    if (!error.empty()) return error;
    const auto answer = client.Ask(kGet);
    if (!answer) return client.tls().error().empty() ? "no answer" : client.tls().error();
    return answer->body == "GET /x " ? "" : answer->body;
  }

  TlsFixture tls_;
  std::unique_ptr<TlsContext> context_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(TlsServerTest, AnswersAndKeepsTheConnection) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient client(server_->address());
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  EXPECT_EQ(client.tls().protocol(), "http/1.1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Ask(kGet)->body, "GET /x ");
  EXPECT_EQ(client.Ask("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")->status, 200);
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(client.tls().error(), "") << "the end is announced by close_notify";
  EXPECT_EQ(server_->stats().tls_handshakes, 1U);
  EXPECT_EQ(server_->url(), "https://" + server_->address());
}

TEST_F(TlsServerTest, SpeaksWhatAlpnAgreesOn) {
  Serve();
  const auto context = tls_.ClientContext();
  EXPECT_EQ(Try(*context, {"h3", "http/1.1"}), "");
  EXPECT_EQ(Try(*context, {}), "") << "without ALPN the bytes themselves tell";
  EXPECT_THAT(Try(*context, {"h3", "spdy/1"}), HasSubstr("no application protocol"));
  EXPECT_TRUE(Eventually([&] { return server_->stats().tls_failures == 1; }));
}

TEST_F(TlsServerTest, TakesTls13OnlyUnless12IsAllowed) {
  Serve();
  const auto context = tls_.ClientContext();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  EXPECT_THAT(Try(*context), HasSubstr("protocol version"));
  TlsContext::Options options = tls_.options();
  options.allow_tls12 = true;
  Serve(options);
  EXPECT_EQ(Try(*context), "");
  SSL_CTX_set_cipher_list(context.get(), "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA");
  EXPECT_THAT(Try(*context), HasSubstr("handshake failure")) << "CBC";
  SSL_CTX_set_cipher_list(context.get(), "ECDHE-ECDSA-CHACHA20-POLY1305");
  EXPECT_EQ(Try(*context), "");
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  EXPECT_THAT(Try(*context), HasSubstr("protocol version"));
}

TEST_F(TlsServerTest, ResumesOnAnyThread) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient first(server_->address());
  SSL* const ssl = TlsFixture::NewClient(*context);
  ASSERT_EQ(first.StartTls(ssl), "");
  ASSERT_EQ(first.Ask(kGet)->status, 200);  // tickets come with the answer
  SSL_SESSION* const session = SSL_get1_session(ssl);
  ASSERT_EQ(SSL_SESSION_is_resumable(session), 1);
  for (int i = 0; i < 8; ++i) {
    RawClient again(server_->address());
    SSL* const resumed = TlsFixture::NewClient(*context);
    Offer(session, resumed);
    ASSERT_EQ(again.StartTls(resumed), "");
    EXPECT_TRUE(again.tls().resumed());
    EXPECT_EQ(again.Ask(kGet)->status, 200);
  }
  ASSERT_TRUE(context_->Reload().ok());
  RawClient after(server_->address());
  SSL* const resumed = TlsFixture::NewClient(*context);
  Offer(session, resumed);
  ASSERT_EQ(after.StartTls(resumed), "");
  EXPECT_TRUE(after.tls().resumed()) << "a new certificate does not void tickets";
  SSL_SESSION_free(session);
  EXPECT_EQ(server_->stats().tls_handshakes, 1U);
  EXPECT_TRUE(Eventually([&] { return server_->stats().tls_resumed == 9; }));
}

TEST_F(TlsServerTest, RequiresAClientCertificate) {
  Serve(WithClientAuth(TlsContext::ClientAuth::kRequired));
  const TestAuthority stranger("another authority");
  EXPECT_EQ(Try(*tls_.ClientContext(tls_.authority.Issue({.name = "scorer"}))), "");
  EXPECT_THAT(Try(*tls_.ClientContext()), HasSubstr("certificate required"));
  EXPECT_THAT(Try(*tls_.ClientContext(stranger.Issue())), HasSubstr("unknown ca"));
  EXPECT_THAT(Try(*tls_.ClientContext(tls_.authority.Issue({.valid_for = 60s}))),
              HasSubstr("certificate expired"));
  EXPECT_EQ(server_->stats().requests, 1U);
  EXPECT_TRUE(Eventually([&] { return server_->stats().tls_failures == 3; }));
}

TEST_F(TlsServerTest, AsksForAClientCertificateThatMayBeMissing) {
  Serve(WithClientAuth(TlsContext::ClientAuth::kOptional));
  const TestAuthority stranger("another authority");
  EXPECT_EQ(Try(*tls_.ClientContext()), "");
  EXPECT_EQ(Try(*tls_.ClientContext(tls_.authority.Issue())), "");
  EXPECT_THAT(Try(*tls_.ClientContext(stranger.Issue())), HasSubstr("unknown ca"));
}

TEST_F(TlsServerTest, VoidsTicketsWhenTheClientAuthorityChanges) {
  Serve(WithClientAuth(TlsContext::ClientAuth::kRequired));
  const auto context = tls_.ClientContext(tls_.authority.Issue());
  RawClient first(server_->address());
  SSL* const ssl = TlsFixture::NewClient(*context);
  ASSERT_EQ(first.StartTls(ssl), "");
  ASSERT_EQ(first.Ask(kGet)->status, 200);
  SSL_SESSION* const session = SSL_get1_session(ssl);
  const TestAuthority other("another authority");
  tls_.Write("client-ca.pem", other.certificate());
  ASSERT_TRUE(Eventually([&] { return context_->stats().reloads == 1; }));
  RawClient again(server_->address());
  SSL* const resumed = TlsFixture::NewClient(*context);
  Offer(session, resumed);
  if (again.StartTls(resumed).empty()) {
    EXPECT_FALSE(again.Ask(kGet)) << "in TLS 1.3 the refusal comes after the client's last flight";
  }
  SSL_SESSION_free(session);
  EXPECT_EQ(Try(*tls_.ClientContext(other.Issue())), "");
}

TEST_F(TlsServerTest, TellsPlaintextClientsToUseTls) {
  Serve();
  for (const std::string_view bytes :
       {kGet, std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    RawClient client(server_->address());
    const auto answer = client.Ask(bytes);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 400);
    EXPECT_THAT(answer->body, HasSubstr("this port speaks TLS; use https://"));
  }
}

TEST_F(TlsServerTest, TellsTlsClientsToUsePlaintext) {
  Serve(tls_.options(), {}, "http=127.0.0.1:0");
  RawClient plain(server_->address());
  EXPECT_EQ(plain.Ask(kGet)->body, "GET /x ");
  EXPECT_EQ(server_->url(), "http://" + server_->address());
  const auto context = tls_.ClientContext();
  EXPECT_THAT(Try(*context), HasSubstr("wrong version number"));
}

TEST_F(TlsServerTest, SpeaksBothWhenAllowed) {
  TlsContext::Options options = tls_.options();
  options.allow_plaintext = true;
  Serve(options);
  RawClient plain(server_->address());
  EXPECT_EQ(plain.Ask(kGet)->body, "GET /x ");
  EXPECT_EQ(Try(*tls_.ClientContext()), "");
  Serve(options, {}, "https=127.0.0.1:0");
  RawClient refused(server_->address());
  EXPECT_EQ(refused.Ask(kGet)->status, 400) << "https= means it";
}

TEST_F(TlsServerTest, UnixSocketsArePlaintextUnlessTold) {
  const std::string path = tls_.directory.path() / "socket";
  Serve(tls_.options(), {}, "unix:" + path);
  RawClient plain("unix:" + path);
  EXPECT_EQ(plain.Ask(kGet)->body, "GET /x ");
  server_.reset();
  Serve(tls_.options(), {}, "https=unix:" + path);
  EXPECT_EQ(Try(*tls_.ClientContext()), "");
}

TEST_F(TlsServerTest, SurvivesGarbageInsteadOfAClientHello) {
  Serve();
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string bytes("\x16\x03\x01", 3);
    const size_t size = random() % 600;
    bytes.push_back(static_cast<char>(size >> 8));
    bytes.push_back(static_cast<char>(size));
    for (size_t n = random() % 600; n > 0; --n) bytes.push_back(static_cast<char>(random()));
    RawClient client(server_->address());
    client.Send(bytes);
    if (i % 2 == 0) client.ShutDownSending();
    if (i % 3 == 0) client.Reset();
  }
  EXPECT_EQ(Try(*tls_.ClientContext()), "");
  EXPECT_TRUE(Eventually([&] { return server_->stats().connections_open <= 301; }));
}

TEST_F(TlsServerTest, SurvivesAMutatedClientHello) {
  Serve();
  // A real ClientHello, as a client writes it into a socket that answers nothing.
  ListenAddress address{"127.0.0.1:0"};
  const base::UniqueFd listener = *Listen(address, false);
  RawClient client(address.text);
  const auto context = tls_.ClientContext();
  SSL* const ssl = TlsFixture::NewClient(*context);
  TlsBuffers buffers;
  TlsSession session(ssl, client.fd(), buffers);
  ::fcntl(client.fd(), F_SETFL, O_NONBLOCK);
  EXPECT_EQ(session.ContinueHandshake(), TlsSession::Progress::kWantRead);
  const base::UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  char bytes[4096];
  const ssize_t size = ::recv(accepted.get(), bytes, sizeof(bytes), 0);
  ASSERT_GT(size, 100);
  const std::string hello(bytes, static_cast<size_t>(size));
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    std::string mutated = hello;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      mutated[5 + random() % (mutated.size() - 5)] = static_cast<char>(random());
    }
    if (i % 5 == 0) mutated.resize(6 + random() % (mutated.size() - 6));
    RawClient attacker(server_->address());
    attacker.Send(mutated);
    attacker.ShutDownSending();
  }
  EXPECT_EQ(Try(*context), "");
}

TEST_F(TlsServerTest, ClosesAClientThatIsTooSlowForAHandshake) {
  Limits limits;
  limits.handshake_timeout = 100ms;
  Serve(tls_.options(), limits);
  RawClient client(server_->address());
  client.Send(std::string_view("\x16\x03\x01\x01\x00\x01", 6));
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(server_->stats().timeouts, 1U);
  EXPECT_TRUE(Eventually([&] { return server_->stats().connections_open == 0; }));
}

TEST_F(TlsServerTest, RefusesRenegotiation) {
  TlsContext::Options options = tls_.options();
  options.allow_tls12 = true;
  Serve(options);
  const auto context = tls_.ClientContext();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  RawClient client(server_->address());
  SSL* const ssl = TlsFixture::NewClient(*context);
  ASSERT_EQ(client.StartTls(ssl), "");
  EXPECT_EQ(client.Ask(kGet)->status, 200);
  ASSERT_EQ(SSL_renegotiate(ssl), 1);
  SSL_do_handshake(ssl);
  client.tls().ContinueHandshake();  // sends what OpenSSL has written
  EXPECT_FALSE(client.Read());
  EXPECT_THAT(client.tls().error(), HasSubstr("no renegotiation"));
}

TEST_F(TlsServerTest, AnswersKeyUpdates) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient client(server_->address());
  SSL* const ssl = TlsFixture::NewClient(*context);
  ASSERT_EQ(client.StartTls(ssl), "");
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(client.Ask(kGet)->status, 200);
  }
}

TEST_F(TlsServerTest, TakesRequestsInRecordsOfOneByte) {
  Serve();
  for (const bool alpn : {true, false}) {
    const auto context = tls_.ClientContext();
    RawClient client(server_->address());
    using Protocols = std::vector<std::string>;
    ASSERT_EQ(client.StartTls(
                  TlsFixture::NewClient(*context, alpn ? Protocols{"http/1.1"} : Protocols{})),
              "");
    const std::string request = Post("hello");
    for (int i = 0; i < 2; ++i) {
      for (const char c : request) ASSERT_TRUE(client.Send({&c, 1}));
      EXPECT_EQ(client.Read()->body, "POST /p hello");
    }
  }
}

TEST_F(TlsServerTest, TakesPipelinedRequestsAndSeveralRecordsAtOnce) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient client(server_->address());
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  std::string many;
  for (int i = 0; i < 500; ++i) many += Post(std::string(static_cast<size_t>(i), 'x'));
  ASSERT_TRUE(client.Send(many));
  for (size_t i = 0; i < 500; ++i) ASSERT_EQ(client.Read()->body.size(), 8 + i);
}

TEST_F(TlsServerTest, MovesLargeBodiesBothWays) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient client(server_->address());
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  for (const size_t size : {1, 16'383, 16'384, 16'385, 100'000, 3'000'000}) {
    const std::string body = Noise(size);
    ASSERT_TRUE(client.Send(Post(body)));
    const auto answer = client.Read();
    ASSERT_TRUE(answer) << size;
    EXPECT_EQ(answer->body, "POST /p " + body) << size;
  }
}

TEST_F(TlsServerTest, WaitsForAClientThatReadsSlowly) {
  const std::string body = Noise(8'000'000);
  Serve(tls_.options(), {}, "127.0.0.1:0", [&](Exchange& exchange) {
    exchange.response().body = body.substr(0, 100);
    exchange.response().tail.push_back(Copy(body));
    exchange.Send();
  });
  const auto context = tls_.ClientContext();
  RawClient client(server_->address(), 4096);
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  ASSERT_TRUE(client.Send(std::string(kGet) + std::string(kGet)));
  std::this_thread::sleep_for(50ms);  // the server fills the socket and waits
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.Read()->body, body.substr(0, 100) + body);
  EXPECT_EQ(server_->stats().timeouts, 0U);
}

TEST_F(TlsServerTest, GivesUpAClientThatDoesNotRead) {
  Limits limits;
  limits.write_timeout = 100ms;
  const std::string body = Noise(16'000'000);
  Serve(tls_.options(), limits, "127.0.0.1:0", [&](Exchange& exchange) {
    exchange.response().body = body;
    exchange.Send();
  });
  const auto context = tls_.ClientContext();
  RawClient client(server_->address(), 4096);
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_TRUE(Eventually([&] { return server_->stats().timeouts == 1; }));
  EXPECT_TRUE(Eventually([&] { return server_->stats().connections_open == 0; }));
}

TEST_F(TlsServerTest, NoticesCloseNotifyInTheSameFlightAsARequest) {
  Serve();
  const auto context = tls_.ClientContext();
  RawClient client(server_->address());
  ASSERT_EQ(client.StartTls(TlsFixture::NewClient(*context)), "");
  ASSERT_TRUE(client.Send(kGet));
  client.tls().SendClose();
  EXPECT_EQ(client.Read()->status, 200);
  EXPECT_TRUE(client.WaitForClose());
}

TEST_F(TlsServerTest, RotatesCertificatesUnderLoadWithoutLosingAConnection) {
  Serve();
  const auto context = tls_.ClientContext();
  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::atomic<int> failures = 0;
  const auto keep_asking = [&] {
    RawClient client(server_->address());
    if (!client.StartTls(TlsFixture::NewClient(*context)).empty()) ++failures;
    while (!stop && failures == 0) {
      const auto answer = client.Ask(kGet);
      if (answer && answer->status == 200) {
        ++answers;
      } else {
        ++failures;
      }
    }
  };
  const auto keep_connecting = [&] {
    while (!stop && failures == 0) {
      if (!Try(*context).empty()) ++failures;
    }
  };
  std::thread first(keep_asking);
  std::thread second(keep_connecting);
  for (int i = 0; i < 20; ++i) {
    tls_.WriteServerPair(tls_.authority.Issue({.valid_for = std::chrono::hours(2 + i)}));
    EXPECT_TRUE(Eventually([&] { return std::cmp_greater(context_->stats().reloads, i); }));
  }
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(answers, 0);
}

TEST_F(TlsServerTest, DrainsWhileClientsShakeHands) {
  Serve();
  RawClient half(server_->address());
  half.Send(std::string_view("\x16\x03\x01\x01\x00\x01", 6));
  const auto context = tls_.ClientContext();
  RawClient idle(server_->address());
  ASSERT_EQ(idle.StartTls(TlsFixture::NewClient(*context)), "");
  ASSERT_EQ(idle.Ask(kGet)->status, 200);
  server_->server().BeginDrain();
  EXPECT_TRUE(server_->server().WaitDrained(5s));
  EXPECT_TRUE(idle.WaitForClose());
  EXPECT_EQ(idle.tls().error(), "");
}

TEST_F(TlsServerTest, RefusesConnectionsOverTheLimitWithAnAlert) {
  Limits limits;
  limits.max_connections = 1;
  Serve(tls_.options(), limits);
  const RawClient first(server_->address());
  ASSERT_TRUE(Eventually([&] { return server_->stats().connections_open == 1; }));
  EXPECT_THAT(Try(*tls_.ClientContext()), HasSubstr("internal error"));
}

}  // namespace
}  // namespace slipway::net

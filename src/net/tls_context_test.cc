#include "net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/str_cat.h"
#include "base/testing/fake_clock.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_fixture.h"
#include "net/tls_client.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

class TlsContextTest : public testing::Test {
 protected:
  base::Status Create(const TlsContext::Options& options) {
    return TlsContext::Create(options, {.fs = tls_.fs, .clock = tls_.clock, .log = *tls_.log})
        .status();
  }
  base::Status CreateWith(const std::string& certificate, const std::string& key) {
    tls_.WriteServerPair({.certificate = certificate, .key = key});
    return Create(tls_.options());
  }
  TlsFixture tls_;
};

TEST_F(TlsContextTest, SaysWhatIsWrongWithFiles) {
  const TestAuthority::Pair pair = tls_.authority.Issue();
  const TestAuthority::Pair other = tls_.authority.Issue();
  EXPECT_TRUE(CreateWith(pair.certificate, pair.key).ok());

  base::Status status = CreateWith("hello", pair.key);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("cert.pem"), HasSubstr("PEM")));
  status = CreateWith(pair.certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n", pair.key);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("cert.pem"), HasSubstr("damaged")));
  status = CreateWith(pair.certificate, "hello");
  EXPECT_THAT(status.message(), AllOf(HasSubstr("key.pem"), HasSubstr("PEM")));
  status = CreateWith(pair.certificate, other.key);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("key.pem"), HasSubstr("cert.pem"), HasSubstr("does not belong")));
  status = CreateWith(pair.certificate, pair.key.substr(0, pair.key.size() / 2));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);

  TlsContext::Options options = tls_.options();
  options.key_file = tls_.directory.path() / "none.pem";
  status = Create(options);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("none.pem"));
}

TEST_F(TlsContextTest, RefusesAKeyWithAPassphrase) {
  const TestAuthority::Pair pair = tls_.authority.Issue();
  const std::string command = base::StrCat(
      "openssl pkey -aes256 -passout pass:secret -in ", tls_.Write("plain.pem", pair.key), " -out ",
      (tls_.directory.path() / "locked.pem").string(), " 2>/dev/null");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ostringstream locked;
  locked << std::ifstream(tls_.directory.path() / "locked.pem").rdbuf();
  EXPECT_THAT(CreateWith(pair.certificate, locked.str()).message(), HasSubstr("passphrase"));
}

TEST_F(TlsContextTest, RefusesAWeakKey) {
  const TestAuthority::Pair weak = tls_.authority.Issue({.rsa_bits = 1024});
  const base::Status status = CreateWith(weak.certificate, weak.key);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("key too small"));
}

TEST_F(TlsContextTest, TakesCertificateAndKeyFromOneFile) {
  const TestAuthority::Pair pair = tls_.authority.Issue();
  const std::string both = pair.key + pair.certificate + tls_.authority.certificate();
  EXPECT_TRUE(CreateWith(both, both).ok());
}

TEST_F(TlsContextTest, ChecksThatOptionsFitTogether) {
  TlsContext::Options options = tls_.options();
  options.key_file.clear();
  EXPECT_THAT(Create(options).message(), HasSubstr("only a certificate"));
  options = tls_.options();
  options.client_auth = TlsContext::ClientAuth::kRequired;
  EXPECT_THAT(Create(options).message(), HasSubstr("no client CA"));
  options.client_ca_file = tls_.Write("ca.pem", "not PEM");
  EXPECT_THAT(Create(options).message(), HasSubstr("ca.pem"));
  options.client_auth = TlsContext::ClientAuth::kNone;
  EXPECT_THAT(Create(options).message(), HasSubstr("not asked for"));
}

TEST_F(TlsContextTest, KnowsWhatTheCertificateIsFor) {
  tls_.WriteServerPair(
      tls_.authority.Issue({.alternatives = "IP:127.0.0.1,DNS:*.b.example,DNS:a.example"}));
  const auto context = tls_.Make();
  EXPECT_EQ(context->NameFor("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(context->NameFor("x.b.example"), "x.b.example");
  EXPECT_EQ(context->NameFor("::1"), "a.example");
}

TEST_F(TlsContextTest, KnowsWhenTheCertificateEnds) {
  tls_.WriteServerPair(tls_.authority.Issue({.valid_from = -10s, .valid_for = 3610s}));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(
      static_cast<double>(tls_.Make()->stats().certificate_expiry_seconds),
      static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(now).count() + 3600),
      60);
}

// Log lines of making a context, with the log in a file.
std::string LogOf(TlsFixture& tls) {
  const std::string file = tls.directory.path() / "log";
  {
    base::Logger log({.file = file});
    const auto context =
        TlsContext::Create(tls.options(), {.fs = tls.fs, .clock = tls.clock, .log = log});
    EXPECT_TRUE(context.ok()) << context.status();
  }
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST_F(TlsContextTest, WarnsOfExpiredAndFutureCertificatesAndOpenKeys) {
  ::chmod((tls_.directory.path() / "key.pem").c_str(), 0640);
  EXPECT_EQ(LogOf(tls_), "");
  ::chmod((tls_.directory.path() / "key.pem").c_str(), 0644);
  EXPECT_THAT(LogOf(tls_), HasSubstr("can read the TLS key"));
  tls_.WriteServerPair(tls_.authority.Issue({.valid_from = -100s, .valid_for = 50s}));
  EXPECT_THAT(LogOf(tls_), HasSubstr("has expired"));
  tls_.WriteServerPair(tls_.authority.Issue({.valid_from = 100s}));
  EXPECT_THAT(LogOf(tls_), HasSubstr("not valid yet"));
}

TEST_F(TlsContextTest, ReloadsByItselfAndRefusesABrokenPair) {
  const auto context = tls_.Make();
  const int64_t first = context->stats().certificate_expiry_seconds;
  tls_.WriteServerPair(tls_.authority.Issue({.valid_for = 9h}));
  EXPECT_TRUE(Eventually([&] { return context->stats().reloads == 1; }));
  const int64_t second = context->stats().certificate_expiry_seconds;
  EXPECT_GT(second, first);

  tls_.Write("cert.pem", tls_.authority.Issue({.valid_for = 20h}).certificate);
  EXPECT_TRUE(Eventually([&] { return context->stats().failed_reloads == 1; }));
  std::filesystem::remove(tls_.directory.path() / "key.pem");
  EXPECT_TRUE(Eventually([&] { return context->stats().failed_reloads == 2; }));
  EXPECT_EQ(context->stats().certificate_expiry_seconds, second);
  EXPECT_EQ(context->stats().reloads, 1U);

  tls_.WriteServerPair(tls_.authority.Issue({.valid_for = 30h}));
  EXPECT_TRUE(Eventually([&] { return context->stats().reloads == 2; }));
  EXPECT_GT(context->stats().certificate_expiry_seconds, second);
}

TEST_F(TlsContextTest, ReloadsWhenToldTo) {
  TlsContext::Options options = tls_.options();
  options.watch.period = 1h;
  const auto context = tls_.Make(options);
  tls_.WriteServerPair(tls_.authority.Issue({.valid_for = 9h}));
  EXPECT_TRUE(context->Reload().ok());
  tls_.Write("key.pem", "");
  EXPECT_THAT(context->Reload().message(), HasSubstr("key.pem"));
  EXPECT_EQ(context->stats().reloads, 1U);
  EXPECT_EQ(context->stats().failed_reloads, 1U);
}

// A fake clock that knows how often somebody has gone to sleep: whoever sleeps again has done what
// there was to do.
class SteppedClock final : public base::Clock {
 public:
  base::SteadyTime SteadyNow() const override { return clock_.SteadyNow(); }
  base::SystemTime SystemNow() const override { return clock_.SystemNow(); }
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) override {
    ++sleeps_;
    return clock_.SleepFor(duration, stop);
  }
  // Lets `seconds` pass, and the one sleeper wake up in each of them.
  void Step(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock_.WaitForSleepers(1);
      const int before = sleeps_;
      clock_.Advance(1s);
      ASSERT_TRUE(Eventually([&] { return sleeps_ > before; }));
    }
  }

 private:
  base::FakeClock clock_;
  std::atomic<int> sleeps_ = 0;
};

TEST(FileWatcherTest, ReportsOnceFilesHaveRested) {
  const base::TemporaryDirectory directory;
  const base::RealFileSystem fs;
  const std::vector<std::string> files = {directory.path() / "a", directory.path() / "b"};
  SteppedClock clock;
  std::atomic<int> reports = 0;
  const FileWatcher watcher(fs, clock, files, FileWatcher::Look(fs, files),
                            {.period = 1s, .settle = 2s}, [&] { ++reports; });
  clock.Step(5);
  EXPECT_EQ(reports, 0);
  ASSERT_TRUE(fs.WriteAtomically(files[0], "1").ok());
  clock.Step(2);
  ASSERT_TRUE(fs.WriteAtomically(files[1], "1").ok());
  clock.Step(2);
  EXPECT_EQ(reports, 0) << "the second file has not rested yet";
  clock.Step(1);
  EXPECT_EQ(reports, 1);
  clock.Step(9);
  EXPECT_EQ(reports, 1);
}

TEST(TlsTicketKeysTest, UnderstandsTicketsForTwoLifetimes) {
  base::FakeClock clock;
  TlsTicketKeys keys(clock);
  EVP_CIPHER_CTX* const cipher = EVP_CIPHER_CTX_new();
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* const mac = EVP_MAC_CTX_new(hmac);
  unsigned char name[16];
  unsigned char iv[EVP_MAX_IV_LENGTH];
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, true), 1);
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, false), 1);
  clock.Advance(TlsTicketKeys::kLifetime);
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, false), 2) << "good, but to be replaced";
  clock.Advance(TlsTicketKeys::kLifetime);
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, false), 0);
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, true), 1);
  clock.Advance(2 * TlsTicketKeys::kLifetime);
  EXPECT_EQ(keys.Prepare(name, iv, cipher, mac, false), 0) << "nobody came meanwhile";
  EVP_MAC_CTX_free(mac);
  EVP_MAC_free(hmac);
  EVP_CIPHER_CTX_free(cipher);
}

TEST(TlsIdentityTest, NamesWhoAClientIs) {
  const TlsFixture tls;
  const std::string file = tls.Write(
      "client.pem", tls.authority
                        .Issue({.name = "scorer",
                                .alternatives = "DNS:a.example,URI:spiffe://example.org/scorer,"
                                                "IP:10.0.0.1,DNS:b.example"})
                        .certificate);
  const auto certificates = ReadCertificates(tls.fs, file);
  ASSERT_TRUE(certificates.ok()) << certificates.status();
  const TlsIdentity identity = IdentityOf(*certificates->front());
  EXPECT_EQ(identity.subject, "CN=scorer");
  EXPECT_THAT(identity.dns_names, testing::ElementsAre("a.example", "b.example"));
  EXPECT_THAT(identity.uris, testing::ElementsAre("spiffe://example.org/scorer"));
}

}  // namespace
}  // namespace slipway::net

#include "net/testing/tls_fixture.h"

#include <openssl/ssl.h>

#include <fstream>

#include "base/check.h"

namespace slipway::net {

TlsFixture::TlsFixture() { WriteServerPair(authority.Issue()); }

std::string TlsFixture::Write(const std::string& name, const std::string& content) const {
  const std::string path = directory.path() / name;
  SLIPWAY_CHECK(fs.WriteAtomically(path, content).ok());
  return path;
}

void TlsFixture::WriteServerPair(const TestAuthority::Pair& pair) const {
  Write("cert.pem", pair.certificate);
  Write("key.pem", pair.key);
}

TlsContext::Options TlsFixture::options() const {
  return {
      .certificate_file = directory.path() / "cert.pem",
      .key_file = directory.path() / "key.pem",
      .client_ca_file = "",
      .protocols = {"http/1.1"},
      .watch = {.period = std::chrono::milliseconds(1), .settle = std::chrono::milliseconds(20)}};
}

std::unique_ptr<TlsContext> TlsFixture::Make(const TlsContext::Options& options) {
  auto context = TlsContext::Create(options, {.fs = fs, .clock = clock, .log = *log});
  SLIPWAY_CHECK(context.ok());
  return *std::move(context);
}

OpenSslPtr<SSL_CTX> TlsFixture::ClientContext() const {
  OpenSslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  const auto authorities = ReadCertificates(fs, Write("ca.pem", authority.certificate()));
  SLIPWAY_CHECK(TrustAuthorities(*context, *authorities).ok());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

OpenSslPtr<SSL_CTX> TlsFixture::ClientContext(const TestAuthority::Pair& pair) const {
  OpenSslPtr<SSL_CTX> context = ClientContext();
  const auto certificate = ReadTlsCertificate(fs, Write("client-cert.pem", pair.certificate),
                                              Write("client-key.pem", pair.key));
  SLIPWAY_CHECK(UseCertificate(*context, *certificate).ok());
  return context;
}

SSL* TlsFixture::NewClient(SSL_CTX& context, const std::vector<std::string>& protocols) {
  SSL* const ssl = SSL_new(&context);
  SSL_set_connect_state(ssl);
  std::vector<unsigned char> wire;
  for (const std::string& protocol : protocols) {
    wire.push_back(static_cast<unsigned char>(protocol.size()));
    wire.insert(wire.end(), protocol.begin(), protocol.end());
  }
  if (!wire.empty()) SSL_set_alpn_protos(ssl, wire.data(), static_cast<unsigned>(wire.size()));
  return ssl;
}

}  // namespace slipway::net

#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/testing/temporary_directory.h"
#include "net/testing/test_certificates.h"
#include "net/tls_context.h"

namespace slipway::net {

// A certificate authority, a directory with a server's certificate of it, and what a server and a
// client need to trust each other.
class TlsFixture {
 public:
  TlsFixture();

  // Writes files of that name into the directory, and gives their path.
  std::string Write(const std::string& name, const std::string& content) const;
  void WriteServerPair(const TestAuthority::Pair& pair) const;
  // Those of a server with cert.pem and key.pem of the directory, which speaks HTTP/1.1, and looks
  // at its files every millisecond.
  TlsContext::Options options() const;
  std::unique_ptr<TlsContext> Make(const TlsContext::Options& options);
  std::unique_ptr<TlsContext> Make() { return Make(options()); }

  // A client that trusts the authority, as a context that a test may change further.
  OpenSslPtr<SSL_CTX> ClientContext() const;
  // The same with a certificate to show.
  OpenSslPtr<SSL_CTX> ClientContext(const TestAuthority::Pair& pair) const;
  // A connection of it that offers `protocols` by ALPN.
  static SSL* NewClient(SSL_CTX& context, const std::vector<std::string>& protocols = {"http/1.1"});

  base::TemporaryDirectory directory;
  TestAuthority authority;
  base::RealClock clock;
  const base::RealFileSystem fs;
  const std::unique_ptr<base::Logger> log = base::Logger::Null();
};

}  // namespace slipway::net

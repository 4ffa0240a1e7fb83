#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/tls_certificate.h"

namespace slipway::net {

// A certificate authority for tests: makes certificates in no time, and its key is never stored.
class TestAuthority {
 public:
  // PEM.
  struct Pair {
    std::string certificate;
    std::string key;
  };
  struct Request {
    std::string name = "127.0.0.1";
    std::string alternatives = "IP:127.0.0.1,DNS:localhost";  // as openssl writes them
    std::chrono::seconds valid_from{-3600};                   // from now
    std::chrono::seconds valid_for{2 * 3600};
    unsigned rsa_bits = 0;  // 0: an ECDSA key, P-256
  };

  explicit TestAuthority(const std::string& name = "slipway test authority");
  const std::string& certificate() const { return own_.certificate; }
  Pair Issue(const Request& request) const;
  Pair Issue() const { return Issue({}); }

 private:
  OpenSslPtr<EVP_PKEY> key_;
  OpenSslPtr<X509> issuer_;
  Pair own_;
};

}  // namespace slipway::net

#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "net/tls_session.h"

namespace slipway::net {

// Ends an OpenSSL object of any kind.
struct OpenSslDeleter {
  void operator()(SSL_CTX* context) const;
  void operator()(X509* certificate) const;
  void operator()(EVP_PKEY* key) const;
};
template <typename T>
using OpenSslPtr = std::unique_ptr<T, OpenSslDeleter>;

// A certificate with the chain above it, and its private key.
struct TlsCertificate {
  std::vector<OpenSslPtr<X509>> chain;  // the first is the one that the key belongs to
  OpenSslPtr<EVP_PKEY> key;
  base::SystemTime not_before;
  base::SystemTime not_after;
};

// Reads PEM files: certificates in `certificate_file`, the key in `key_file` (they may be one).
// The message names the file: kNotFound, kPermissionDenied; kInvalidArgument when it is not PEM,
// the key has a passphrase, or key and certificate are not a pair.
base::Result<TlsCertificate> ReadTlsCertificate(const base::FileSystem& fs,
                                                const std::string& certificate_file,
                                                const std::string& key_file);
// All certificates of a PEM file; at least one. Errors as above.
base::Result<std::vector<OpenSslPtr<X509>>> ReadCertificates(const base::FileSystem& fs,
                                                             const std::string& file);
// Gives `certificate` to `context`. kInvalidArgument when OpenSSL refuses it (a weak key).
base::Status UseCertificate(SSL_CTX& context, const TlsCertificate& certificate);
// Makes `context` trust whom `authorities` have signed for.
base::Status TrustAuthorities(SSL_CTX& context, const std::vector<OpenSslPtr<X509>>& authorities);

TlsIdentity IdentityOf(const X509& certificate);

// True when others than the owner and group may read the file.
bool ReadableByOthers(const std::string& file);

}  // namespace slipway::net

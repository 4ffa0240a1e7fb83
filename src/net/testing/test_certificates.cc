#include "net/testing/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdint>

#include "base/check.h"

namespace slipway::net {
namespace {

template <typename Write>
std::string ToPem(Write write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  SLIPWAY_CHECK(write(bio) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

OpenSslPtr<X509> Unsigned(const std::string& name, EVP_PKEY& key,
                          const TestAuthority::Request& request) {
  OpenSslPtr<X509> certificate(X509_new());
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), request.valid_from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  (request.valid_from + request.valid_for).count());
  X509_set_pubkey(certificate.get(), &key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void AddExtension(X509& certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  SLIPWAY_CHECK(extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

TestAuthority::Pair ToPair(X509& certificate, EVP_PKEY& key) {
  return {.certificate = ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, &certificate); }),
          .key = ToPem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : key_(EVP_EC_gen("P-256")), issuer_(Unsigned(name, *key_, {})) {
  X509_set_issuer_name(issuer_.get(), X509_get_subject_name(issuer_.get()));
  AddExtension(*issuer_, NID_basic_constraints, "critical,CA:TRUE");
  SLIPWAY_CHECK(X509_sign(issuer_.get(), key_.get(), EVP_sha256()) > 0);
  own_ = ToPair(*issuer_, *key_);
}

TestAuthority::Pair TestAuthority::Issue(const Request& request) const {
  const OpenSslPtr<EVP_PKEY> key(request.rsa_bits > 0 ? EVP_RSA_gen(request.rsa_bits)
                                                      : EVP_EC_gen("P-256"));
  const OpenSslPtr<X509> certificate = Unsigned(request.name, *key, request);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer_.get()));
  if (!request.alternatives.empty()) {
    AddExtension(*certificate, NID_subject_alt_name, request.alternatives);
  }
  SLIPWAY_CHECK(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return ToPair(*certificate, *key);
}

}  // namespace slipway::net

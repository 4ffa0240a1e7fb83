#include "net/tls_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <utility>

#include "base/str_cat.h"

namespace slipway::net {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;

constexpr uint64_t kMaxPemBytes = uint64_t{4} << 20;

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;

BioPtr Over(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Called when a key is encrypted: there is nobody to ask.
int NoPassphrase(char* /*target*/, int /*room*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

base::SystemTime ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return base::SystemTime(std::chrono::seconds(::timegm(&parts)));
}

Result<OpenSslPtr<EVP_PKEY>> ReadKey(const base::FileSystem& fs, const std::string& file) {
  SLIPWAY_ASSIGN_OR_RETURN(std::string pem, fs.Read(file, kMaxPemBytes));
  bool encrypted = false;
  ERR_clear_error();
  OpenSslPtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(Over(pem).get(), nullptr, &NoPassphrase, &encrypted));
  OPENSSL_cleanse(pem.data(), pem.size());
  ERR_clear_error();
  if (encrypted) {
    return InvalidArgument(StrCat("key file '", file,
                                  "': the key has a passphrase; expected one without "
                                  "('openssl pkey -in OLD -out NEW' takes it off)"));
  }
  if (key == nullptr) {
    return InvalidArgument(StrCat(
        "key file '", file, "': expected a private key in PEM (-----BEGIN PRIVATE KEY-----)"));
  }
  return key;
}

void AppendNames(const X509& certificate, TlsIdentity& identity) {
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS && name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const text =
        name->type == GEN_DNS ? name->d.dNSName : name->d.uniformResourceIdentifier;
    std::string value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
    if (value.find('\0') != std::string::npos) continue;  // no name, whatever it begins with
    (name->type == GEN_DNS ? identity.dns_names : identity.uris).push_back(std::move(value));
  }
  GENERAL_NAMES_free(names);
}

}  // namespace

void OpenSslDeleter::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void OpenSslDeleter::operator()(X509* certificate) const { X509_free(certificate); }
void OpenSslDeleter::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

Result<std::vector<OpenSslPtr<X509>>> ReadCertificates(const base::FileSystem& fs,
                                                       const std::string& file) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string pem, fs.Read(file, kMaxPemBytes));
  const BioPtr bio = Over(pem);
  ERR_clear_error();
  std::vector<OpenSslPtr<X509>> certificates;
  while (X509* const one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(one);
  }
  // The end of the file is the one good reason to stop.
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty() || !at_end) {
    return InvalidArgument(StrCat(
        "certificate file '", file, "': expected PEM ", "(-----BEGIN CERTIFICATE-----), ",
        certificates.empty() ? "found no certificate" : "but a certificate in it is damaged"));
  }
  return certificates;
}

Result<TlsCertificate> ReadTlsCertificate(const base::FileSystem& fs,
                                          const std::string& certificate_file,
                                          const std::string& key_file) {
  TlsCertificate certificate;
  SLIPWAY_ASSIGN_OR_RETURN(certificate.chain, ReadCertificates(fs, certificate_file));
  SLIPWAY_ASSIGN_OR_RETURN(certificate.key, ReadKey(fs, key_file));
  const X509* const leaf = certificate.chain.front().get();
  if (X509_check_private_key(leaf, certificate.key.get()) != 1) {
    ERR_clear_error();
    return InvalidArgument(StrCat("key file '", key_file,
                                  "' does not belong to the first certificate of '",
                                  certificate_file, "'"));
  }
  certificate.not_before = ToTime(X509_get0_notBefore(leaf));
  certificate.not_after = ToTime(X509_get0_notAfter(leaf));
  return certificate;
}

base::Status UseCertificate(SSL_CTX& context, const TlsCertificate& certificate) {
  ERR_clear_error();
  bool ok = SSL_CTX_use_certificate(&context, certificate.chain.front().get()) == 1 &&
            SSL_CTX_use_PrivateKey(&context, certificate.key.get()) == 1;
  for (size_t i = 1; ok && i < certificate.chain.size(); ++i) {
    ok = SSL_CTX_add1_chain_cert(&context, certificate.chain[i].get()) == 1;
  }
  return ok ? base::OkStatus() : InvalidArgument(TakeTlsError());
}

base::Status TrustAuthorities(SSL_CTX& context, const std::vector<OpenSslPtr<X509>>& authorities) {
  ERR_clear_error();
  for (const OpenSslPtr<X509>& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), authority.get()) != 1) {
      return InvalidArgument(TakeTlsError());
    }
  }
  return base::OkStatus();
}

TlsIdentity IdentityOf(const X509& certificate) {
  TlsIdentity identity;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  if (size > 0) identity.subject.assign(text, static_cast<size_t>(size));
  AppendNames(certificate, identity);
  return identity;
}

bool ReadableByOthers(const std::string& file) {
  struct stat info{};
  return ::stat(file.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

}  // namespace slipway::net

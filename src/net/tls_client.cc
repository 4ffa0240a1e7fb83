#include "net/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "base/str_cat.h"

namespace slipway::net {
namespace {

// Names for ALPN, each behind its length.
constexpr unsigned char kAlpnHttp1[] = "\x08http/1.1";
constexpr unsigned char kAlpnHttp2[] = "\x02h2";

bool IsAddress(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

}  // namespace

base::Result<std::unique_ptr<TlsClientContext>> TlsClientContext::Create(
    const Options& options, const base::FileSystem& fs) {
  OpenSslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return base::Internal(TakeTlsError());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (options.http2) {
    SSL_CTX_set_alpn_protos(context.get(), kAlpnHttp2, sizeof(kAlpnHttp2) - 1);
  } else {
    SSL_CTX_set_alpn_protos(context.get(), kAlpnHttp1, sizeof(kAlpnHttp1) - 1);
  }
  if (!options.insecure) SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const auto authorities, ReadCertificates(fs, options.ca_file));
    SLIPWAY_RETURN_IF_ERROR(TrustAuthorities(*context, authorities).WithContext(options.ca_file));
  }
  if (!options.certificate_file.empty()) {
    const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
    SLIPWAY_ASSIGN_OR_RETURN(const TlsCertificate certificate,
                             ReadTlsCertificate(fs, options.certificate_file, key));
    SLIPWAY_RETURN_IF_ERROR(
        UseCertificate(*context, certificate).WithContext(options.certificate_file));
  } else if (!options.key_file.empty()) {
    return base::InvalidArgument(
        base::StrCat("key file '", options.key_file, "': expected its certificate as well"));
  }
  return std::unique_ptr<TlsClientContext>(
      new TlsClientContext(std::move(context), options.insecure));
}

std::unique_ptr<TlsSession> TlsClientContext::Connect(int fd, const std::string& host,
                                                      TlsBuffers& buffers) const {
  SSL* const ssl = SSL_new(context_.get());
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl);
  const bool address = IsAddress(host);
  bool named = true;
  if (address) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named =
        SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  if (!named && !insecure_) {
    SSL_free(ssl);
    return nullptr;
  }
  return std::make_unique<TlsSession>(ssl, fd, buffers);
}

base::Status TlsClientContext::Explain(const TlsSession& session) {
  const std::string& error = session.error();
  if (session.peer_refused()) {
    return base::Status(
        base::StatusCode::kUnauthenticated,
        base::StrCat("TLS: ", error,
                     "; --cacert FILE says whom to trust, --insecure trusts anybody"));
  }
  if (error.find("certificate required") != std::string::npos) {
    return base::Status(base::StatusCode::kUnauthenticated,
                        base::StrCat("TLS: ", error, "; --cert FILE and --key FILE show one"));
  }
  if (error.find("alert") != std::string::npos && error.find("certificate") != std::string::npos) {
    return base::Status(base::StatusCode::kUnauthenticated,
                        base::StrCat("TLS: the server refuses our certificate: ", error));
  }
  if (error.find("wrong version number") != std::string::npos) {
    return base::Unavailable("the server does not speak TLS at this address; use http://");
  }
  return base::Unavailable(base::StrCat("TLS: ", error));
}

}  // namespace slipway::net

#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <span>
#include <utility>

#include "base/digest.h"
#include "base/str_cat.h"

namespace slipway::net {
namespace {

using base::InvalidArgument;
using base::StrCat;

// The cheaper of the two AES first; a client without AES instructions gets ChaCha20.
constexpr const char* kTls13Suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kTls12Suites = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr int kSecurityLevel = 2;  // 112 bits: RSA and DH from 2048, ECC from 224
constexpr size_t kReadAheadBytes = 32 * 1024;
constexpr uint64_t kMaxAuthorityBytes = uint64_t{4} << 20;

int OnTicketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                EVP_MAC_CTX* mac, int encrypt) {
  auto* const keys = static_cast<TlsTicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return keys->Prepare(name, iv, cipher, mac, encrypt == 1);
}

// A ticket carries the client's certificate, which may have ended since.
SSL_TICKET_RETURN OnTicket(SSL* /*ssl*/, SSL_SESSION* session, const unsigned char* /*name*/,
                           size_t /*name_size*/, SSL_TICKET_STATUS status, void* /*unused*/) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  const X509* const peer = SSL_SESSION_get0_peer(session);
  if (peer != nullptr && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// RFC 7301: a client that names protocols and none of ours is told so.
int OnAlpn(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
           const unsigned char* offered, unsigned offered_size, void* ours) {
  const auto& protocols = *static_cast<const std::vector<unsigned char>*>(ours);
  unsigned char* found = nullptr;
  const int outcome =
      SSL_select_next_proto(&found, chosen_size, protocols.data(),
                            static_cast<unsigned>(protocols.size()), offered, offered_size);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int64_t ToSeconds(base::SystemTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::vector<std::string> FilesOf(const TlsContext::Options& options) {
  std::vector<std::string> files = {options.certificate_file, options.key_file};
  if (!options.client_ca_file.empty()) files.push_back(options.client_ca_file);
  return files;
}

}  // namespace

base::Status TlsContext::Options::Validate() const {
  if (certificate_file.empty() || key_file.empty()) {
    return InvalidArgument(StrCat("expected a certificate and a key, got only a ",
                                  certificate_file.empty() ? "key" : "certificate"));
  }
  if (client_auth != ClientAuth::kNone && client_ca_file.empty()) {
    return InvalidArgument("client certificates are asked for, but no client CA is given");
  }
  if (client_auth == ClientAuth::kNone && !client_ca_file.empty()) {
    return InvalidArgument("a client CA is given, but client certificates are not asked for");
  }
  return base::OkStatus();
}

TlsContext::TlsContext(Options options, const Services& services)
    : options_(std::move(options)), services_(services), ticket_keys_(services.clock) {
  for (const std::string& protocol : options_.protocols) {
    wire_protocols_.push_back(static_cast<unsigned char>(protocol.size()));
    wire_protocols_.insert(wire_protocols_.end(), protocol.begin(), protocol.end());
  }
}

TlsContext::~TlsContext() = default;

base::Result<std::unique_ptr<TlsContext>> TlsContext::Create(const Options& options,
                                                             const Services& services) {
  SLIPWAY_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<TlsContext> context(new TlsContext(options, services));
  const std::vector<std::string> files = FilesOf(options);
  FileWatcher::State known = FileWatcher::Look(services.fs, files);
  SLIPWAY_RETURN_IF_ERROR(context->Load());
  context->watcher_ = std::make_unique<FileWatcher>(
      services.fs, services.clock, files, std::move(known), options.watch,
      [&self = *context] { [[maybe_unused]] const base::Status logged = self.Reload(); });
  return context;
}

std::unique_ptr<TlsSession> TlsContext::Accept(int fd, TlsBuffers& buffers) const {
  SSL* ssl = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ssl = SSL_new(context_.get());
  }
  if (ssl == nullptr) return nullptr;
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsSession>(ssl, fd, buffers);
}

base::Status TlsContext::Reload() {
  const std::lock_guard lock(reload_mutex_);
  base::Status status = Load();
  if (status.ok()) {
    ++reloads_;
    services_.log.Info("TLS certificate reloaded", {{"cert", options_.certificate_file},
                                                    {"expires_at", expiry_seconds_.load()}});
  } else {
    ++failed_reloads_;
    services_.log.Error("new TLS certificate refused, the old one stays",
                        {{"error", status.message()}});
  }
  return status;
}

std::string TlsContext::NameFor(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  X509* const certificate = SSL_CTX_get0_certificate(context_.get());
  if (X509_check_ip_asc(certificate, host.c_str(), 0) == 1 ||
      X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1) {
    return host;
  }
  for (const std::string& name : IdentityOf(*certificate).dns_names) {
    if (!name.starts_with('*')) return name;
  }
  return host;
}

TlsContext::Stats TlsContext::stats() const {
  return {.certificate_expiry_seconds = expiry_seconds_,
          .reloads = reloads_,
          .failed_reloads = failed_reloads_};
}

base::Status TlsContext::Load() {
  SLIPWAY_ASSIGN_OR_RETURN(
      const TlsCertificate certificate,
      ReadTlsCertificate(services_.fs, options_.certificate_file, options_.key_file));
  OpenSslPtr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return base::Internal(TakeTlsError());
  SetUp(*context);
  SLIPWAY_RETURN_IF_ERROR(
      UseCertificate(*context, certificate)
          .WithContext(StrCat("certificate file '", options_.certificate_file, "'")));
  SLIPWAY_RETURN_IF_ERROR(LoadClientAuthorities(*context));
  WarnAbout(certificate);
  expiry_seconds_ = ToSeconds(certificate.not_after);
  const std::lock_guard lock(mutex_);
  context_.swap(context);
  return base::OkStatus();
}

void TlsContext::SetUp(SSL_CTX& context) {
  SSL_CTX_set_app_data(&context, &ticket_keys_);
  SSL_CTX_set_min_proto_version(&context, options_.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(&context, TLS1_3_VERSION);
  SSL_CTX_set_security_level(&context, kSecurityLevel);
  SSL_CTX_set_ciphersuites(&context, kTls13Suites);
  SSL_CTX_set_cipher_list(&context, kTls12Suites);
  SSL_CTX_set1_groups_list(&context, kGroups);
  // A client that just goes away ends a connection like one that says so: HTTP has its own framing.
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection holds no buffers; a busy one receives several records at once.
  SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(&context, 1);
  SSL_CTX_set_default_read_buffer_len(&context, kReadAheadBytes);
  // Tickets only: what there is to remember, the client remembers.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(&context, std::chrono::seconds(TlsTicketKeys::kLifetime).count());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &OnTicketKey);
  SSL_CTX_set_session_ticket_cb(&context, nullptr, &OnTicket, nullptr);
  if (!wire_protocols_.empty()) SSL_CTX_set_alpn_select_cb(&context, &OnAlpn, &wire_protocols_);
}

base::Status TlsContext::LoadClientAuthorities(SSL_CTX& context) const {
  std::string scope = "slipway";  // a ticket is good only among the clients that it was given to
  if (options_.client_auth != ClientAuth::kNone) {
    const std::string& file = options_.client_ca_file;
    SLIPWAY_ASSIGN_OR_RETURN(const auto authorities, ReadCertificates(services_.fs, file));
    SLIPWAY_RETURN_IF_ERROR(
        TrustAuthorities(context, authorities).WithContext(StrCat("client CA '", file, "'")));
    for (const auto& authority : authorities) SSL_CTX_add_client_CA(&context, authority.get());
    SLIPWAY_ASSIGN_OR_RETURN(const std::string pem, services_.fs.Read(file, kMaxAuthorityBytes));
    scope += pem;
    const bool required = options_.client_auth == ClientAuth::kRequired;
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }
  const base::Sha256Digest digest = base::Sha256Of(std::as_bytes(std::span(scope)));
  SSL_CTX_set_session_id_context(&context, digest.bytes.data(),
                                 static_cast<unsigned>(digest.bytes.size()));
  return base::OkStatus();
}

void TlsContext::WarnAbout(const TlsCertificate& certificate) const {
  const base::SystemTime now = services_.clock.SystemNow();
  if (now > certificate.not_after) {
    services_.log.Warn(
        "the TLS certificate has expired: clients will refuse it",
        {{"cert", options_.certificate_file}, {"expired_at", ToSeconds(certificate.not_after)}});
  } else if (now < certificate.not_before) {
    services_.log.Warn(
        "the TLS certificate is not valid yet: clients will refuse it",
        {{"cert", options_.certificate_file}, {"valid_from", ToSeconds(certificate.not_before)}});
  }
  if (ReadableByOthers(options_.key_file)) {
    services_.log.Warn("every user of this machine can read the TLS key: 'chmod o-r' it",
                       {{"key", options_.key_file}});
  }
}

}  // namespace slipway::net

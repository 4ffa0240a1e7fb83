#pragma once

#include <openssl/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "net/file_watcher.h"
#include "net/tls_certificate.h"
#include "net/tls_session.h"
#include "net/tls_ticket_keys.h"

namespace slipway::net {

// The server's side of TLS: certificate, key, who may connect, what is spoken.
//
// TLS 1.3, or 1.2 if allowed, and then with forward secrecy and AEAD only. No renegotiation, no
// compression, no early data. When the files change, and have rested for `settle`, new handshakes
// use the new ones; connections that exist live on. Files that do not fit together are refused with
// a log line, and the old certificate stays.
//
// Client certificates are checked against `client_ca_file` at the handshake, by signature, purpose
// and time. There is no CRL and no OCSP: give clients certificates that end soon. A session ticket
// ends with the client's certificate, and with any change of the client CA.
//
// Thread-safe. Outlives its sessions, and the services outlive it.
class TlsContext {
 public:
  enum class ClientAuth : uint8_t { kNone, kOptional, kRequired };
  struct Options {
    std::string certificate_file;  // PEM: the certificate, then the chain above it
    std::string key_file;          // PEM, without a passphrase
    std::string client_ca_file;    // PEM: whose client certificates are good
    ClientAuth client_auth = ClientAuth::kNone;
    bool allow_tls12 = false;
    bool allow_plaintext = false;             // on listeners that are not told what to speak
    std::vector<std::string> protocols = {};  // for ALPN, the best first
    FileWatcher::Options watch = {};

    base::Status Validate() const;
  };
  struct Services {
    const base::FileSystem& fs;
    base::Clock& clock;
    base::Logger& log;
  };
  struct Stats {
    int64_t certificate_expiry_seconds = 0;  // since the epoch
    uint64_t reloads = 0;
    uint64_t failed_reloads = 0;
  };

  // Errors name the file and the reason: kInvalidArgument, kNotFound, kPermissionDenied.
  static base::Result<std::unique_ptr<TlsContext>> Create(const Options& options,
                                                          const Services& services);
  ~TlsContext();

  // A session that waits for a client on `fd`; null when memory is short.
  std::unique_ptr<TlsSession> Accept(int fd, TlsBuffers& buffers) const;
  // Reads the files again, now. On failure the old certificate stays.
  base::Status Reload();

  // `host`, a name or an address, if the certificate is for it; else a name that it is for.
  std::string NameFor(const std::string& host) const;

  const Options& options() const { return options_; }
  Stats stats() const;

 private:
  TlsContext(Options options, const Services& services);
  base::Status Load();
  base::Status LoadClientAuthorities(SSL_CTX& context) const;
  void WarnAbout(const TlsCertificate& certificate) const;
  void SetUp(SSL_CTX& context);

  const Options options_;
  const Services services_;
  std::vector<unsigned char> wire_protocols_;  // options_.protocols as ALPN has them
  TlsTicketKeys ticket_keys_;
  std::atomic<int64_t> expiry_seconds_ = 0;
  std::atomic<uint64_t> reloads_ = 0;
  std::atomic<uint64_t> failed_reloads_ = 0;
  std::mutex reload_mutex_;   // held while files are read, so that the last reader wins
  mutable std::mutex mutex_;  // guards context_
  OpenSslPtr<SSL_CTX> context_;
  std::unique_ptr<FileWatcher> watcher_;  // last: it calls Reload()
};

}  // namespace slipway::net

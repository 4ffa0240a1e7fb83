#pragma once

#include <openssl/types.h>

#include <array>
#include <chrono>
#include <mutex>

#include "base/clock.h"

namespace slipway::net {

// The keys that session tickets are encrypted with: a client that comes back shows its ticket to
// any IO thread and saves both sides the expensive half of a handshake (RFC 8446 section 4.6.1).
//
// A key makes tickets for `lifetime` and is understood for another; then it is wiped, and tickets
// of its time with it. Keys never leave the process. Thread-safe.
class TlsTicketKeys {
 public:
  static constexpr std::chrono::hours kLifetime{1};

  explicit TlsTicketKeys(base::Clock& clock);
  ~TlsTicketKeys();
  TlsTicketKeys(const TlsTicketKeys&) = delete;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;

  // What SSL_CTX_set_tlsext_ticket_key_evp_cb() wants: prepares both contexts and returns 1, or 2
  // when the ticket should be replaced, 0 when no key fits, -1 on failure.
  int Prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              bool encrypt);

 private:
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  static bool Fill(Key& key);
  void RotateIfDue();

  base::Clock& clock_;
  std::mutex mutex_;  // guards what follows
  bool valid_ = false;
  Key current_;
  Key previous_;
  base::SteadyTime rotate_at_;
};

}  // namespace slipway::net

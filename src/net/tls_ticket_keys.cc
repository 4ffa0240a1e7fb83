#include "net/tls_ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstring>

namespace slipway::net {

TlsTicketKeys::TlsTicketKeys(base::Clock& clock)
    : clock_(clock),
      valid_(Fill(current_) && Fill(previous_)),
      rotate_at_(clock.SteadyNow() + kLifetime) {}

TlsTicketKeys::~TlsTicketKeys() {
  OPENSSL_cleanse(&current_, sizeof(current_));
  OPENSSL_cleanse(&previous_, sizeof(previous_));
}

bool TlsTicketKeys::Fill(Key& key) {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
         RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
}

void TlsTicketKeys::RotateIfDue() {
  const base::SteadyTime now = clock_.SteadyNow();
  if (now < rotate_at_) return;
  // Nobody came for two lifetimes: the current key is as old as a previous one may be at most.
  const bool both = now >= rotate_at_ + kLifetime;
  previous_ = current_;
  valid_ = Fill(current_) && (!both || Fill(previous_));
  rotate_at_ = now + kLifetime;
}

int TlsTicketKeys::Prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, bool encrypt) {
  const std::lock_guard lock(mutex_);
  RotateIfDue();
  if (!valid_) return -1;
  Key* key = &current_;
  if (encrypt) {
    std::memcpy(name, key->name.data(), key->name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else if (std::memcmp(name, key->name.data(), key->name.size()) != 0) {
    key = &previous_;
    if (std::memcmp(name, key->name.data(), key->name.size()) != 0) return 0;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac.data(), key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1 ||
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv,
                        encrypt ? 1 : 0) != 1) {
    return -1;
  }
  return key == &current_ ? 1 : 2;
}

}  // namespace slipway::net

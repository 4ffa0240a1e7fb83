#include "base/digest.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace slipway::base {

// OpenSSL sets itself up when it is first used, which takes 3 MB: a server that digests nothing
// does without.
struct Sha256::Context {
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(evp); }
  EVP_MD_CTX* Begun() {
    if (evp == nullptr) {
      evp = EVP_MD_CTX_new();
      SLIPWAY_CHECK(EVP_DigestInit_ex(evp, EVP_sha256(), nullptr) == 1);
    }
    return evp;
  }

  EVP_MD_CTX* evp = nullptr;
};

std::string Sha256Digest::ToString() const {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "sha256:";
  for (const uint8_t byte : bytes) {
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  SLIPWAY_CHECK(EVP_DigestUpdate(context_->Begun(), bytes.data(), bytes.size()) == 1);
}

void Sha256::Restart() {
  SLIPWAY_CHECK(EVP_DigestInit_ex(context_->Begun(), nullptr, nullptr) == 1);
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  unsigned size = 0;
  SLIPWAY_CHECK(EVP_DigestFinal_ex(context_->Begun(), digest.bytes.data(), &size) == 1);
  SLIPWAY_CHECK(size == digest.bytes.size());
  return digest;
}

Sha256Digest Sha256Of(std::span<const std::byte> bytes) {
  Sha256 sha256;
  sha256.Update(bytes);
  return sha256.Finish();
}

}  // namespace slipway::base

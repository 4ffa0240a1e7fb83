#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace slipway::base {

// A SHA-256 digest. Source: FIPS 180-4.
struct Sha256Digest {
  std::array<uint8_t, 32> bytes{};
  // "sha256:" and 64 lower-case hexadecimal digits, as OCI writes digests.
  std::string ToString() const;
  friend bool operator==(const Sha256Digest&, const Sha256Digest&) = default;
};

// Digests bytes that come in pieces. Thread-compatible.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(std::span<const std::byte> bytes);
  // The digest of everything so far. Nothing may follow but Restart().
  Sha256Digest Finish();
  // Begins a new digest, at less cost than a new object.
  void Restart();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha256Digest Sha256Of(std::span<const std::byte> bytes);

}  // namespace slipway::base

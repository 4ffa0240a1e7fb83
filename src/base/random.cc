#include "base/random.h"

#include <sys/random.h>

#include <bit>

#include "base/check.h"

namespace slipway::base {

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {  // splitmix64, as the authors of xoshiro advise for seeding
    seed += 0x9E3779B97F4A7C15;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t Random::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::NextDouble() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

std::string Random::NextHex(int digits) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text(static_cast<size_t>(digits), '0');
  uint64_t bits = 0;
  for (int i = 0; i < digits; ++i) {
    if (i % 16 == 0) bits = Next();
    text[static_cast<size_t>(i)] = kHex[bits & 15];
    bits >>= 4;
  }
  return text;
}

uint64_t RandomSeed() {
  uint64_t seed = 0;
  SLIPWAY_CHECK(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
  return seed;
}

}  // namespace slipway::base

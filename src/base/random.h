#pragma once

#include <cstdint>
#include <string>

namespace slipway::base {

// A fast generator of numbers that need to be distinct, not secret: request ids, trace ids, load
// test arrivals. Seeded by the caller. Thread-compatible: one per thread.
// Source: xoshiro256** 1.0, Blackman and Vigna 2018 (public domain algorithm).
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t Next();
  // In [0, 1).
  double NextDouble();
  // `digits` lower-case hexadecimal digits, at most 32.
  std::string NextHex(int digits);

 private:
  uint64_t state_[4];
};

// A seed from the operating system's entropy.
uint64_t RandomSeed();

}  // namespace slipway::base

#include "base/city_hash.h"

#include <bit>
#include <cstring>
#include <utility>

namespace slipway::base {
namespace {

// The algorithm's constants, by the names that its authors gave them.
constexpr uint64_t kK0 = 0xc3a5c85c97cb3127;
constexpr uint64_t kK1 = 0xb492b66fbe98f273;
constexpr uint64_t kK2 = 0x9ae16a3b2f90404f;
constexpr uint64_t kK3 = 0xc949d7c7509e6557;

struct Pair {
  uint64_t first = 0;
  uint64_t second = 0;
};

template <typename T>
uint64_t Load(std::string_view text, size_t at) {
  T value;
  std::memcpy(&value, text.data() + at, sizeof(T));
  return value;
}

uint64_t Load64(std::string_view text, size_t at) { return Load<uint64_t>(text, at); }

// The same, counted from the end.
uint64_t Tail64(std::string_view text, size_t distance) {
  return Load64(text, text.size() - distance);
}

uint64_t Fold(uint64_t value) { return value ^ (value >> 47); }

uint64_t Mix(uint64_t low, uint64_t high) {
  constexpr uint64_t kMultiplier = 0x9ddfea08eb382d69;
  const uint64_t a = Fold((low ^ high) * kMultiplier);
  return Fold((high ^ a) * kMultiplier) * kMultiplier;
}

uint64_t HashUpTo16(std::string_view text) {
  const size_t size = text.size();
  if (size > 8) {
    const uint64_t first = Load64(text, 0);
    const uint64_t last = Tail64(text, 8);
    return Mix(first, std::rotr(last + size, static_cast<int>(size))) ^ last;
  }
  if (size >= 4) {
    return Mix(size + (Load<uint32_t>(text, 0) << 3), Load<uint32_t>(text, size - 4));
  }
  if (size == 0) return kK2;
  const auto byte = [text](size_t at) { return uint64_t{static_cast<uint8_t>(text[at])}; };
  const uint64_t y = byte(0) + (byte(size / 2) << 8);
  const uint64_t z = size + (byte(size - 1) << 2);
  return Fold((y * kK2) ^ (z * kK3)) * kK2;
}

uint64_t Hash17To32(std::string_view text) {
  const uint64_t a = Load64(text, 0) * kK1;
  const uint64_t b = Load64(text, 8);
  const uint64_t c = Tail64(text, 8) * kK2;
  const uint64_t d = Tail64(text, 16) * kK0;
  return Mix(std::rotr(a - b, 43) + std::rotr(c, 30) + d,
             a + std::rotr(b ^ kK3, 20) - c + text.size());
}

// Half of Hash33To64(): `a` and `z` come from 8 and 8 bytes, and two more words are mixed in.
Pair HashHalf(uint64_t a, uint64_t z, uint64_t second, uint64_t third) {
  uint64_t b = std::rotr(a + z, 52);
  uint64_t c = std::rotr(a, 37);
  a += second;
  c += std::rotr(a, 7);
  a += third;
  return {a + z, b + std::rotr(a, 31) + c};
}

uint64_t Hash33To64(std::string_view text) {
  const uint64_t size = text.size();
  const Pair v = HashHalf(Load64(text, 0) + (size + Tail64(text, 16)) * kK0, Load64(text, 24),
                          Load64(text, 8), Load64(text, 16));
  const Pair w = HashHalf(Load64(text, 16) + Tail64(text, 32), Tail64(text, 8), Tail64(text, 24),
                          Tail64(text, 16));
  const uint64_t r = Fold((v.first + w.second) * kK2 + (w.first + v.second) * kK0);
  return Fold(r * kK0 + v.second) * kK2;
}

Pair Hash32WithSeeds(std::string_view text, size_t at, uint64_t a, uint64_t b) {
  const uint64_t last = Load64(text, at + 24);
  a += Load64(text, at);
  b = std::rotr(b + a + last, 21);
  const uint64_t c = a;
  a += Load64(text, at + 8);
  a += Load64(text, at + 16);
  b += std::rotr(a, 44);
  return {a + last, b + c};
}

// The end first, then block by block.
uint64_t HashLong(std::string_view text) {
  const size_t size = text.size();
  uint64_t x = Load64(text, 0);
  uint64_t y = Tail64(text, 16) ^ kK1;
  uint64_t z = Tail64(text, 56) ^ kK0;
  Pair v = Hash32WithSeeds(text, size - 64, size, y);
  Pair w = Hash32WithSeeds(text, size - 32, size * kK1, kK0);
  z += Fold(v.second) * kK1;
  x = std::rotr(z + x, 39) * kK1;
  y = std::rotr(y, 33) * kK1;
  const size_t end = (size - 1) & ~size_t{63};
  for (size_t at = 0; at < end; at += 64) {
    x = std::rotr(x + y + v.first + Load64(text, at + 16), 37) * kK1;
    y = std::rotr(y + v.second + Load64(text, at + 48), 42) * kK1;
    x ^= w.second;
    y ^= v.first;
    z = std::rotr(z ^ w.first, 33);
    v = Hash32WithSeeds(text, at, v.second * kK1, x + w.first);
    w = Hash32WithSeeds(text, at + 32, z + w.second, y);
    std::swap(z, x);
  }
  return Mix(Mix(v.first, w.first) + Fold(y) * kK1 + z, Mix(v.second, w.second) + x);
}

}  // namespace

uint64_t CityHash64V1(std::string_view text) {
  if (text.size() <= 16) return HashUpTo16(text);
  if (text.size() <= 32) return Hash17To32(text);
  return text.size() <= 64 ? Hash33To64(text) : HashLong(text);
}

}  // namespace slipway::base

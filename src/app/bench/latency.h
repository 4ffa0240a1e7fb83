#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace slipway::app {

// Durations of a load test, kept so that any quantile is within 0.8 % of the truth: 128 buckets for
// each power of two nanoseconds. Recording costs one increment and never allocates.
//
// Thread-compatible. About 60 KB.
class LatencyRecorder {
 public:
  void Record(std::chrono::nanoseconds latency);
  void Add(const LatencyRecorder& other);
  void Clear() { *this = LatencyRecorder(); }

  uint64_t count() const { return count_; }
  // All 0 when nothing was recorded. min, max and mean are exact.
  std::chrono::nanoseconds min() const;
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  std::chrono::nanoseconds mean() const;
  // The latency that a share `q` in [0, 1] of the samples did not exceed.
  std::chrono::nanoseconds Quantile(double q) const;

 private:
  static constexpr int kBits = 7;
  static constexpr uint64_t kPerOctave = uint64_t{1} << kBits;
  static constexpr size_t kBuckets = size_t{64 - kBits} * kPerOctave + kPerOctave;
  static size_t BucketOf(uint64_t ns);
  static uint64_t UpperEnd(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
};

}  // namespace slipway::app

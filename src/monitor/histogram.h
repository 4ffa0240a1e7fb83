#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace slipway::monitor {

// A histogram of durations with fixed bounds: geometric, ratio 1.25, from 10 us to about 60 s, so
// an interpolated quantile is within 12.5 % of the truth.
//
// One thread writes; any thread reads. Wait-free.
class Histogram {
 public:
  static constexpr size_t kBuckets = 72;  // the last one has no upper bound

  struct Counts {
    std::array<uint64_t, kBuckets> buckets{};
    uint64_t count = 0;
    uint64_t sum_ns = 0;
    void Add(const Counts& other);
    // The duration below which a share `q` in [0, 1] of the samples lies, interpolated; 0 when
    // empty.
    std::chrono::nanoseconds Quantile(double q) const;
  };

  void Record(std::chrono::nanoseconds duration);
  void AddTo(Counts& counts) const;

  // Upper bound of a bucket.
  static std::chrono::nanoseconds UpperBound(size_t bucket);
  static size_t BucketOf(std::chrono::nanoseconds duration);

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_ns_ = 0;
};

}  // namespace slipway::monitor

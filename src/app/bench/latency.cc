#include "app/bench/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace slipway::app {

using std::chrono::nanoseconds;

// Values below kPerOctave have a bucket each; above, an octave is cut into kPerOctave equal parts.
size_t LatencyRecorder::BucketOf(uint64_t ns) {
  if (ns < kPerOctave) return ns;
  const int shift = static_cast<int>(std::bit_width(ns)) - 1 - kBits;
  return (static_cast<size_t>(shift) + 1) * kPerOctave + ((ns >> shift) - kPerOctave);
}

uint64_t LatencyRecorder::UpperEnd(size_t bucket) {
  if (bucket < kPerOctave) return bucket;
  const size_t shift = bucket / kPerOctave - 1;
  const uint64_t low = (bucket % kPerOctave + kPerOctave) << shift;
  return low + ((uint64_t{1} << shift) - 1);
}

void LatencyRecorder::Record(nanoseconds latency) {
  const auto ns = static_cast<uint64_t>(std::max<int64_t>(latency.count(), 0));
  ++buckets_[BucketOf(ns)];
  ++count_;
  sum_ += ns;
  min_ = std::min(min_, ns);
  max_ = std::max(max_, ns);
}

void LatencyRecorder::Add(const LatencyRecorder& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

nanoseconds LatencyRecorder::min() const { return nanoseconds(count_ == 0 ? 0 : min_); }

nanoseconds LatencyRecorder::mean() const { return nanoseconds(count_ == 0 ? 0 : sum_ / count_); }

nanoseconds LatencyRecorder::Quantile(double q) const {
  const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets && count_ > 0; ++i) {
    seen += buckets_[i];
    if (seen >= std::max<uint64_t>(rank, 1)) {
      return nanoseconds(std::clamp(UpperEnd(i), min_, max_));
    }
  }
  return max();
}

}  // namespace slipway::app

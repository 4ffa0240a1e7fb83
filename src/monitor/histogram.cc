#include "monitor/histogram.h"

#include <algorithm>
#include <cmath>

namespace slipway::monitor {
namespace {

using Bounds = std::array<uint64_t, Histogram::kBuckets>;

const Bounds& UpperBounds() {
  static const Bounds kBounds = [] {
    Bounds made{};
    double bound = 10'000;  // ns
    for (size_t i = 0; i + 1 < made.size(); ++i, bound *= 1.25) {
      made[i] = static_cast<uint64_t>(std::llround(bound));
    }
    made.back() = UINT64_MAX;
    return made;
  }();
  return kBounds;
}

// One thread writes, so an increment needs no locked instruction.
void Increment(std::atomic<uint64_t>& counter, uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

std::chrono::nanoseconds Histogram::UpperBound(size_t bucket) {
  const uint64_t bound = UpperBounds()[bucket];
  return std::chrono::nanoseconds(bound == UINT64_MAX ? INT64_MAX : static_cast<int64_t>(bound));
}

size_t Histogram::BucketOf(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
  const Bounds& bounds = UpperBounds();
  return static_cast<size_t>(std::ranges::lower_bound(bounds, ns) - bounds.begin());
}

void Histogram::Record(std::chrono::nanoseconds duration) {
  Increment(buckets_[BucketOf(duration)], 1);
  Increment(sum_ns_, static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0)));
}

void Histogram::AddTo(Counts& counts) const {
  for (size_t i = 0; i < kBuckets; ++i) {
    const uint64_t count = buckets_[i].load(std::memory_order_relaxed);
    counts.buckets[i] += count;
    counts.count += count;
  }
  counts.sum_ns += sum_ns_.load(std::memory_order_relaxed);
}

void Histogram::Counts::Add(const Counts& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
  count += other.count;
  sum_ns += other.sum_ns;
}

std::chrono::nanoseconds Histogram::Counts::Quantile(double q) const {
  if (count == 0) return std::chrono::nanoseconds(0);
  const double rank = q * static_cast<double>(count);
  double below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      const double low = i == 0 ? 0 : static_cast<double>(UpperBound(i - 1).count());
      if (i + 1 == kBuckets) return UpperBound(i - 1);
      const auto high = static_cast<double>(UpperBound(i).count());
      const double share = std::clamp((rank - below) / here, 0.0, 1.0);
      return std::chrono::nanoseconds(std::llround(low + share * (high - low)));
    }
    below += here;
  }
  return UpperBound(kBuckets - 2);
}

}  // namespace slipway::monitor

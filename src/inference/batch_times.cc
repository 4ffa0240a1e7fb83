#include "inference/batch_times.h"

#include <algorithm>
#include <bit>

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;

constexpr double kNear = 1.0 / 8;  // of the way to what a run took, for the sizes next to it
constexpr double kFar = 1.0 / 64;  // and for the others
constexpr double kMostAtOnce =
    4;  // a run that took longer than so many times the usual was held up

// The sizes that `rows` lies between, and how far it is from the first to the second.
struct Place {
  size_t below;
  double part;  // 0 to 1; above 1 beyond the last size
};

Place PlaceOf(int64_t rows, size_t sizes) {
  const auto size = static_cast<uint64_t>(std::max<int64_t>(rows, 1));
  const size_t below = std::min(static_cast<size_t>(std::bit_width(size)) - 1, sizes - 2);
  const auto from = static_cast<double>(uint64_t{1} << below);
  return {below, (static_cast<double>(size) - from) / from};
}

double Between(double one, double other, double part) { return one + (other - one) * part; }

}  // namespace

BatchTimes::BatchTimes(const RunProfile& profile) {
  if (profile.run_time == nanoseconds::max()) return;
  RunProfile::Batch from{.rows = 1, .time = profile.run_time};
  auto next = profile.batches.begin();
  for (size_t i = 0; i < kSizes; ++i) {
    const int64_t rows = int64_t{1} << i;
    while (next != profile.batches.end() && next->rows <= rows) from = *next++;
    double time = static_cast<double>(from.time.count());
    if (next != profile.batches.end()) {
      time = Between(
          time, static_cast<double>(next->time.count()),
          static_cast<double>(rows - from.rows) / static_cast<double>(next->rows - from.rows));
    } else {
      time = time / static_cast<double>(from.rows) * static_cast<double>(rows);
    }
    times_ns_[i].store(static_cast<int64_t>(time), std::memory_order_relaxed);
  }
}

nanoseconds BatchTimes::Of(int64_t rows) const {
  const Place place = PlaceOf(rows, kSizes);
  const auto one = static_cast<double>(times_ns_[place.below].load(std::memory_order_relaxed));
  const auto other =
      static_cast<double>(times_ns_[place.below + 1].load(std::memory_order_relaxed));
  return nanoseconds(static_cast<int64_t>(std::max(0.0, Between(one, other, place.part))));
}

int64_t BatchTimes::RowsWithin(nanoseconds time, int64_t max_rows) const {
  int64_t rows = std::max<int64_t>(max_rows, 1);
  int64_t fits = 1;
  if (Of(rows) <= time) return rows;
  while (rows - fits > 1) {  // it grows with the rows, but for noise
    const int64_t middle = fits + (rows - fits) / 2;
    (Of(middle) <= time ? fits : rows) = middle;
  }
  return fits;
}

void BatchTimes::Note(int64_t rows, nanoseconds took) {
  const auto time = static_cast<double>(took.count());
  const auto expected = static_cast<double>(Of(rows).count());
  if (expected <= 0) {
    const double per_row = time / static_cast<double>(std::max<int64_t>(rows, 1));
    for (size_t i = 0; i < kSizes; ++i) {
      const double all = per_row * static_cast<double>(uint64_t{1} << i);
      times_ns_[i].store(static_cast<int64_t>(all), std::memory_order_relaxed);
    }
    return;
  }
  const double change = std::clamp(time / expected, 1 / kMostAtOnce, kMostAtOnce) - 1;
  const Place place = PlaceOf(rows, kSizes);
  const double part = std::min(place.part, 1.0);
  for (size_t i = 0; i < kSizes; ++i) {
    double weight = kFar;
    if (i == place.below) weight = std::max(kFar, kNear * (1 - part));
    if (i == place.below + 1) weight = std::max(kFar, kNear * part);
    const auto old = static_cast<double>(times_ns_[i].load(std::memory_order_relaxed));
    const double moved = std::max(1.0, old * (1 + weight * change));
    times_ns_[i].store(static_cast<int64_t>(moved), std::memory_order_relaxed);
  }
}

}  // namespace slipway::inference

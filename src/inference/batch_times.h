#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "inference/run_profile.h"

namespace slipway::inference {

// How long a run takes, by its rows: the curve that was measured when the model was loaded, which
// every run since has moved. Between the sizes that were measured it is a straight line.
//
// Of() is for any thread, without a lock; Note() for one at a time. Times are those of an average
// run; of a size that has not been run for long they follow the sizes that have, slowly.
class BatchTimes {
 public:
  // Of a profile whose time is unknown (0, or the largest there is) until the first run.
  explicit BatchTimes(const RunProfile& profile);

  // Of a run of `rows`, at least 1; 0 when nothing is known.
  std::chrono::nanoseconds Of(int64_t rows) const;
  // The most rows up to `max_rows` that take at most `time` together; at least 1.
  int64_t RowsWithin(std::chrono::nanoseconds time, int64_t max_rows) const;
  // A run of `rows` took so long.
  void Note(int64_t rows, std::chrono::nanoseconds took);

 private:
  // Of 1, 2, 4, ... rows.
  static constexpr size_t kSizes = 11;
  std::array<std::atomic<int64_t>, kSizes> times_ns_{};
};

}  // namespace slipway::inference

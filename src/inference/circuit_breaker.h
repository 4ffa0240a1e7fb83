#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"

namespace slipway::inference {

// Keeps requests away from a model that keeps failing, so that they fail at once instead of holding
// threads, and tries again from time to time.
//
//   closed --`failures` in a row--> open --time passes--> half open: one call is let through
//     `<------------- it succeeds ---------------------------' `-- it fails: open, twice as long
//
// Only failures of the model itself count (kInternal, kDataLoss), never those of a request.
// Thread-safe and wait-free; while closed, asking costs one load.
class CircuitBreaker {
 public:
  struct Options {
    int failures = 5;                                          // in a row
    std::chrono::nanoseconds pause = std::chrono::seconds(1);  // doubled each time
    std::chrono::nanoseconds longest_pause = std::chrono::minutes(1);
  };

  explicit CircuitBreaker(const Options& options) : options_(options) {}

  // kUnavailable while open, with the time until the next try.
  base::Status Admit(base::SteadyTime now) {
    return open_until_.load(std::memory_order_relaxed) == 0 ? base::OkStatus() : AdmitTrial(now);
  }
  // How a call that was run has ended.
  void Note(const base::Status& status, base::SteadyTime now) {
    if (status.ok() && in_a_row_.load(std::memory_order_relaxed) == 0) return;
    NoteChange(status, now);
  }
  bool open() const { return open_until_.load(std::memory_order_relaxed) != 0; }

 private:
  base::Status AdmitTrial(base::SteadyTime now);
  void NoteChange(const base::Status& status, base::SteadyTime now);

  const Options options_;
  std::atomic<int> in_a_row_ = 0;        // failures
  std::atomic<int64_t> open_until_ = 0;  // nanoseconds of the steady clock; 0: closed
};

}  // namespace slipway::inference

#pragma once

#include <atomic>
#include <chrono>

#include "base/clock.h"

namespace slipway::inference {

// Tells a queue that stands, because more comes than can be done, from one that a burst has filled
// and that will be empty soon: it stands when for 100 ms everything that left it had waited for
// long. A standing queue makes all answers late and gets nothing done sooner.
//
// Note() is for one thread at a time, standing() for any. Source: CoDel (Nichols and Jacobson,
// "Controlling Queue Delay", ACM Queue 10(5), 2012).
class StandingQueue {
 public:
  static constexpr std::chrono::milliseconds kInterval{100};

  // Waits of up to `short_wait` are short.
  explicit StandingQueue(std::chrono::nanoseconds short_wait) : short_wait_(short_wait) {}

  // Something leaves the queue at `now`, where it has waited for `wait`.
  void Note(std::chrono::nanoseconds wait, base::SteadyTime now) {
    if (wait <= short_wait_) last_short_ = now;
    standing_.store(now - last_short_ > kInterval, std::memory_order_relaxed);
  }
  // Something comes at `now` and need not wait.
  void NoteIdle(base::SteadyTime now) { Note(std::chrono::nanoseconds(0), now); }
  bool standing() const { return standing_.load(std::memory_order_relaxed); }

 private:
  const std::chrono::nanoseconds short_wait_;
  base::SteadyTime last_short_{};
  std::atomic<bool> standing_ = false;
};

}  // namespace slipway::inference

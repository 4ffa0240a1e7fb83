#pragma once

#include <condition_variable>
#include <mutex>

#include "base/clock.h"

namespace slipway::base {

// A clock that moves only when told. Starts one hour after both epochs.
//
// Thread-safe. SleepFor() returns once Advance() has moved past its end, or when stopped.
class FakeClock final : public Clock {
 public:
  SteadyTime SteadyNow() const override {
    const std::lock_guard lock(mutex_);
    return SteadyTime(elapsed_);
  }
  SystemTime SystemNow() const override {
    const std::lock_guard lock(mutex_);
    return SystemTime(std::chrono::duration_cast<SystemTime::duration>(elapsed_));
  }
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    const auto end = elapsed_ + duration;
    ++sleepers_;
    moved_.notify_all();
    moved_.wait(lock, stop, [&] { return elapsed_ >= end; });
    --sleepers_;
    return !stop.stop_requested();
  }
  // Returns once at least `count` threads are inside SleepFor().
  void WaitForSleepers(int count) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return sleepers_ >= count; });
  }
  void Advance(std::chrono::nanoseconds step) {
    {
      const std::lock_guard lock(mutex_);
      elapsed_ += step;
    }
    moved_.notify_all();
  }

 private:
  mutable std::mutex mutex_;  // guards elapsed_ and sleepers_
  std::condition_variable_any moved_;
  std::chrono::nanoseconds elapsed_ = std::chrono::hours(1);
  int sleepers_ = 0;
};

}  // namespace slipway::base

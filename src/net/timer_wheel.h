#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"

namespace slipway::net {

// Timers of low precision and low cost: adding and cancelling take constant time and, once the
// wheel has its size, no memory. A timer runs at its time or up to one tick later.
// Thread-compatible; callbacks may add and cancel.
class TimerWheel {
 public:
  using Id = uint64_t;  // never 0
  using Callback = std::function<void()>;
  static constexpr std::chrono::milliseconds kTick{32};

  explicit TimerWheel(base::SteadyTime start) : start_(start) { slots_.fill(kNone); }
  Id Add(base::SteadyTime at, Callback callback);
  // Does nothing when the timer has run or was cancelled.
  void Cancel(Id id);
  // Runs what is due.
  void Advance(base::SteadyTime now);
  // Until Advance() should be called next; negative when there is no timer.
  std::chrono::milliseconds UntilNext(base::SteadyTime now) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kSlots =
      256;  // one turn of the wheel is 8 s; later timers wait for turns
  struct Timer {
    Callback callback;
    int64_t tick = 0;
    uint32_t next = kNone;
    uint32_t previous = kNone;
    uint32_t generation = 1;
    bool waiting = false;
  };

  int64_t TickOf(base::SteadyTime time) const { return (time - start_) / kTick; }
  uint32_t& SlotOf(int64_t tick) { return slots_[static_cast<size_t>(tick) % kSlots]; }
  void Unlink(uint32_t index);
  void CollectDue(uint32_t first, int64_t tick);
  void FindNextTick();

  const base::SteadyTime start_;
  std::vector<Timer> timers_;
  std::vector<uint32_t> free_;
  std::vector<Id> due_;
  std::array<uint32_t, kSlots> slots_{};  // first timer of each
  size_t waiting_ = 0;
  int64_t tick_ = 0;       // everything up to here has run
  int64_t next_tick_ = 0;  // nothing happens before; meaningless when waiting_ is 0
};

}  // namespace slipway::net

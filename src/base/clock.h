#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>

namespace slipway::base {

// A point on the steady clock; what deadlines, timers and intervals are measured in.
using SteadyTime = std::chrono::steady_clock::time_point;
// A point in calendar time, for people and wire formats.
using SystemTime = std::chrono::system_clock::time_point;

// Where time comes from. `steady` is for intervals, `system` for people.
//
// Thread-safe. Made once in `app` and handed down by reference; tests hand down a FakeClock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime SteadyNow() const = 0;
  virtual SystemTime SystemNow() const = 0;
  // Waits for `duration` or until `stop` is requested, whichever is first. False when stopped.
  virtual bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) = 0;
};

// The machine's clocks.
class RealClock final : public Clock {
 public:
  SteadyTime SteadyNow() const override { return std::chrono::steady_clock::now(); }
  SystemTime SystemNow() const override { return std::chrono::system_clock::now(); }
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) override;
};

// When nobody waits for an answer any more: a moment, and a flag that whoever waited sets when it
// gives up. Default: never.
struct Deadline {
  SteadyTime at = SteadyTime::max();
  const std::atomic<bool>* abandoned = nullptr;  // must outlive the work that the deadline is for

  static Deadline Never() { return {}; }
  bool never() const { return at == SteadyTime::max() && abandoned == nullptr; }
  bool IsAbandoned() const {
    return abandoned != nullptr && abandoned->load(std::memory_order_relaxed);
  }
  bool Expired(SteadyTime now) const { return now >= at || IsAbandoned(); }
  friend bool operator==(const Deadline&, const Deadline&) = default;
};

}  // namespace slipway::base

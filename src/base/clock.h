#pragma once

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

// The moment after which nobody waits for an answer any more. Default: never.
struct Deadline {
  SteadyTime at = SteadyTime::max();

  static Deadline Never() { return {}; }
  bool never() const { return at == SteadyTime::max(); }
  bool Expired(SteadyTime now) const { return now >= at; }
  friend bool operator==(const Deadline&, const Deadline&) = default;
};

}  // namespace slipway::base

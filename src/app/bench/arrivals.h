#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace slipway::app {

// A request of a trace: when it is due, and which of the prepared requests it is.
struct TraceEvent {
  std::chrono::nanoseconds offset{0};  // from the start of the trace
  size_t request = 0;
};

// When the requests of an open-loop test are due. A value.
struct ArrivalPlan {
  enum class Kind : uint8_t {
    kPoisson,   // exponential gaps: independent users
    kConstant,  // equal gaps
    kGamma,     // gamma-distributed gaps with coefficient of variation `cv`: > 1 comes in clumps
    kOnOff,     // Poisson for `on`, then nothing for `off`, and again
    kTrace,     // as `trace` says
  };
  Kind kind = Kind::kPoisson;
  double rate = 0;  // requests a second, on average over on and off; 0: no arrivals (closed loop)
  double cv = 1;
  std::chrono::nanoseconds on{0};
  std::chrono::nanoseconds off{0};
  // kTrace: in order of time. Shared with whoever repeats the test; nobody changes it.
  std::shared_ptr<const std::vector<TraceEvent>> trace = nullptr;

  bool open_loop() const { return rate > 0 || trace != nullptr; }
};

// "poisson", "constant", "gamma:CV" with 0.01 <= CV <= 100, or "on-off:ON,OFF" with durations.
// Sets all but the rate. kInvalidArgument.
base::Status ParseArrivals(std::string_view text, ArrivalPlan& plan);

// When the next request is due, whatever the server does. The same seed gives the same times.
// Thread-compatible.
class Arrivals {
 public:
  // Of base::SteadyTime::max() in next(): nothing will be due any more.
  static std::unique_ptr<Arrivals> Create(const ArrivalPlan& plan, uint64_t seed,
                                          base::SteadyTime start);
  virtual ~Arrivals() = default;

  base::SteadyTime next() const { return next_; }
  size_t request() const { return request_; }
  // Goes on to the request after that.
  virtual void Advance() = 0;

 protected:
  base::SteadyTime next_ = base::SteadyTime::max();
  size_t request_ = 0;
};

}  // namespace slipway::app

#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace slipway::app {

// When the requests of an open-loop test are due: a Poisson process of `rate` a second, so gaps are
// exponential and independent of what the server does. The same seed gives the same times.
//
// Thread-compatible.
class PoissonArrivals {
 public:
  // rate > 0. The first request is due one gap after `start`.
  PoissonArrivals(double rate, uint64_t seed, base::SteadyTime start);
  base::SteadyTime next() const { return next_; }
  void Advance();

 private:
  const double mean_gap_ns_;
  base::Random random_;
  const base::SteadyTime start_;
  double offset_ns_ = 0;  // of next_ from start_; a double, so that rounding does not add up
  base::SteadyTime next_;
};

}  // namespace slipway::app

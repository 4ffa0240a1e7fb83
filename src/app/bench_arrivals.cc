#include "app/bench_arrivals.h"

#include <chrono>
#include <cmath>

namespace slipway::app {

PoissonArrivals::PoissonArrivals(double rate, uint64_t seed, base::SteadyTime start)
    : mean_gap_ns_(1e9 / rate), random_(seed), start_(start) {
  Advance();
}

void PoissonArrivals::Advance() {
  offset_ns_ -= std::log1p(-random_.NextDouble()) * mean_gap_ns_;  // log(1 - u), u in [0, 1)
  next_ = start_ + std::chrono::nanoseconds(static_cast<int64_t>(offset_ns_));
}

}  // namespace slipway::app

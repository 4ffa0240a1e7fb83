#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "tensor/tensor.h"

namespace slipway::inference {

// What was measured of a model when it was loaded.
struct RunProfile {
  std::chrono::nanoseconds run_time{0};  // Run for one row
  // Calls of one loop round may be put together up to this many rows; 1: each runs alone.
  int64_t round_rows = 1;
};

// How long one Run with `inputs` takes: the 90th percentile of up to 30 runs, within about 20 ms in
// all but at least 2 runs. The error of the first run that fails.
base::Result<std::chrono::nanoseconds> MeasureRun(engine::Engine& engine,
                                                  std::span<const tensor::TensorView> inputs,
                                                  base::Clock& clock);

// How many rows are worth putting into one Run, 1 if none. More than 1 only when
//   every input and output has a free first dimension and a dtype of fixed size, and every other
//     dimension of the inputs is fixed, so that rows can be laid behind each other;
//   the model treats rows independently: random rows give the same answers together as alone, but
//     for rounding (its kernels may add in another order at another batch size);
//   a row costs at most half as much together, and the whole stays within `limit`.
int64_t ProfileRounds(engine::Engine& engine, std::chrono::nanoseconds limit, base::Clock& clock);

}  // namespace slipway::inference

#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "inference/row_layout.h"
#include "tensor/tensor.h"

namespace slipway::inference {

// What was measured of a model when it was loaded. A value.
struct RunProfile {
  struct Batch {
    int64_t rows;
    std::chrono::nanoseconds time;  // of one Run with that many rows
  };
  std::chrono::nanoseconds run_time{0};  // of one Run with one row
  // Ascending in rows, each cheaper per row than the one before; empty when the rows of several
  // calls may not be put together, or nothing is gained by it.
  std::vector<Batch> batches = {};
  RowLayout layout = {};  // of batches

  // The most rows of a batch that takes at most `time`, in whole and per row; 1 when there is none.
  int64_t RowsWithin(std::chrono::nanoseconds time,
                     std::chrono::nanoseconds per_row = std::chrono::nanoseconds::max()) const;
};

// How long one Run with `inputs` takes: the 90th percentile of up to 10 runs, in the best of three
// rounds, within about 20 ms in all but at least 2 runs. The error of the first run that fails.
base::Result<std::chrono::nanoseconds> MeasureRun(engine::Engine& engine,
                                                  std::span<const tensor::TensorView> inputs,
                                                  base::Clock& clock);

// The same for one random row whose free dimensions are 16, of a model that has any beside the
// first; kFailedPrecondition for others. With 1 instead of 16 such a model seems quicker than it
// is.
base::Result<std::chrono::nanoseconds> MeasureTypicalRow(engine::Engine& engine,
                                                         base::Clock& clock);

// Measures batches of 4, 16 and 64 rows, as far as rows x `run_time` stays within a quarter of a
// second. None is listed unless
//   every input, output and state has a free first dimension and a dtype of fixed size, so that
//     rows of one shape can be laid behind each other;
//   the model treats rows independently: random rows give the same answers together as alone, but
//     for rounding (its kernels may add in another order at another batch size).
std::vector<RunProfile::Batch> MeasureBatches(engine::Engine& engine,
                                              std::chrono::nanoseconds run_time,
                                              base::Clock& clock);

}  // namespace slipway::inference

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "inference/queue_lane.h"
#include "lifecycle/model.h"
#include "monitor/model_stats.h"

namespace slipway::inference {

// How calls of one model reach its engine.
//   inline: on the IO thread itself, without a hop; for calls whose Run is short
//   queue:  a bounded queue and threads of the model's own
enum class LaneKind : uint8_t { kInline, kQueue };
std::string_view LaneName(LaneKind kind);

// What `inference` keeps beside each loaded model version: its lane and its statistics. Made on a
// lifecycle thread before the model becomes ready.
//
// Thread-safe. Lives exactly as long as its LoadedModel.
class ModelRuntime final : public lifecycle::ModelAttachment {
 public:
  struct Options {
    // A call runs inline when it is expected to take no longer than this.
    std::chrono::nanoseconds inline_limit = std::chrono::microseconds(200);
    // A batch runs inline when rows x the time for one row is within this.
    std::chrono::nanoseconds inline_batch_limit = std::chrono::milliseconds(1);
    size_t stat_shards = 1;  // one per IO thread
    QueueLane::Options queue;
  };

  // `run_time` is how long Run takes for one row; measured at load (MeasureRun).
  ModelRuntime(const Options& options, std::chrono::nanoseconds run_time, base::Clock& clock);

  // The runtime of a loaded model. Every model that the manager made ready has one.
  static ModelRuntime& Of(const lifecycle::LoadedModel& model);

  // Where a call of `rows` batch items goes.
  LaneKind LaneFor(int64_t rows) const;
  // Tells how long an inline run took. A model that holds up its IO thread for much longer than it
  // did when measured (its time depends on its input) goes to the queue lane from then on.
  void NoteInlineRun(std::chrono::nanoseconds took);

  std::chrono::nanoseconds run_time() const { return run_time_; }
  monitor::ModelStats& stats() { return stats_; }
  QueueLane& queue() { return queue_; }

 private:
  const Options options_;
  const std::chrono::nanoseconds run_time_;
  std::atomic<bool> inline_allowed_;
  monitor::ModelStats stats_;
  QueueLane queue_;
};

// How long one Run with `inputs` takes: the 90th percentile of up to 30 runs, within about 20 ms in
// all but at least 2 runs. The error of the first run that fails.
base::Result<std::chrono::nanoseconds> MeasureRun(engine::Engine& engine,
                                                  std::span<const tensor::TensorView> inputs,
                                                  base::Clock& clock);

}  // namespace slipway::inference

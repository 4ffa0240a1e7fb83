#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "inference/circuit_breaker.h"
#include "inference/queue_lane.h"
#include "inference/response_cache.h"
#include "inference/run_profile.h"
#include "inference/sequence_table.h"
#include "lifecycle/model.h"
#include "monitor/model_stats.h"

namespace slipway::inference {

// How calls of one model reach its engine.
//   inline: on the IO thread itself, at once; for calls whose Run is short
//   round:  on the IO thread, together with the other calls of the same loop round
//   queue:  a bounded queue and threads of the model's own
enum class LaneKind : uint8_t { kInline, kRound, kQueue };
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
    // Rows of one batch, where the model gains from batches; 1: every call runs alone.
    int64_t max_batch_rows = 64;
    // A model of which one row takes too long for the objective may be loaded again with so many
    // threads inside an operator; 1: it may not.
    int most_operator_threads = 1;
    // By the names of inputs: what shorter rows are filled up with, see FindPadding().
    std::map<std::string, int64_t> pad = {};
    // A request is answered within this, or fails; 0: no limit. Front ends make deadlines of it.
    std::chrono::nanoseconds timeout{0};
    size_t stat_shards = 1;  // one per IO thread
    CircuitBreaker::Options breaker = {};
    ResponseCache::Options cache = {};  // no bytes: no cache
    // Of a model with state; the table is shared by the versions of a model, which may go before
    // their sequences do.
    SequenceTable::Options sequence = {};
    std::shared_ptr<SequenceTable> sequences = {};  // null: the model has no state
    // Name of a model that gets what the queue refuses; empty: none.
    std::string overflow_model = {};
    // Name, threads, bounds and times; rows and the time of a run come from the profile.
    QueueLane::Options queue;
  };

  ModelRuntime(const Options& options, const RunProfile& profile, base::Clock& clock);

  // The runtime of a loaded model. Every model that the manager made ready has one.
  static ModelRuntime& Of(const lifecycle::LoadedModel& model);

  // Where a call of `rows` batch items goes. A model with a batching delay always queues.
  LaneKind LaneFor(int64_t rows) const;
  // Tells how long an inline run took. A model that holds up its IO thread for much longer than it
  // did when measured (its time depends on its input) goes to the queue lane from then on.
  void NoteInlineRun(std::chrono::nanoseconds took);

  // Rows that a round may put together; 1 when calls run alone.
  int64_t round_rows() const { return round_rows_.load(std::memory_order_relaxed); }
  // The model did not treat rows as it did when it was profiled: its calls run alone from now on.
  void StopBatching() {
    round_rows_.store(1, std::memory_order_relaxed);
    queue_.StopBatching();
  }
  std::chrono::nanoseconds timeout() const { return options_.timeout; }
  const std::string& overflow_model() const { return options_.overflow_model; }
  monitor::ModelStats& stats() { return stats_; }
  QueueLane& queue() { return queue_; }
  const RowLayout& row_layout() const { return profile_.layout; }
  CircuitBreaker& breaker() { return breaker_; }
  ResponseCache* cache() { return cache_.get(); }                        // null: none
  SequenceTable* sequences() const { return options_.sequences.get(); }  // null: no state

 private:
  const Options options_;
  const RunProfile profile_;
  std::atomic<bool> inline_allowed_;
  std::atomic<int64_t> round_rows_;
  monitor::ModelStats stats_;
  CircuitBreaker breaker_;
  const std::unique_ptr<ResponseCache> cache_;
  QueueLane queue_;
};

}  // namespace slipway::inference

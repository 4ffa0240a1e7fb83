#include "inference/model_runtime.h"

#include <algorithm>

#include "base/check.h"

namespace slipway::inference {
namespace {

// An inline run this many times over the limit costs the model its place on the IO threads.
constexpr int kInlineTolerance = 10;
// A batch in the queue lane takes no longer than this, or half of the objective: the calls of the
// next one wait for it.
constexpr std::chrono::milliseconds kQueueBatchLimit{100};

// What it costs a call to go to a thread of the model's own and back.
constexpr std::chrono::microseconds kHop{30};

int64_t RoundRows(const ModelRuntime::Options& options, const RunProfile& profile) {
  return std::min(options.max_batch_rows,
                  profile.RowsWithin(options.inline_batch_limit, profile.run_time / 2));
}

// Of a batch of at most so many rows.
std::chrono::nanoseconds TimePerRow(const RunProfile& profile, int64_t rows) {
  std::chrono::nanoseconds time = profile.run_time;
  for (const RunProfile::Batch& batch : profile.batches) {
    if (batch.rows <= rows) time = batch.time / batch.rows;
  }
  return time;
}

// Whether the batches that an objective allows in a queue cost less by row than those of a round,
// which must be short, hop included.
bool QueueIsCheaper(const ModelRuntime::Options& options, const RunProfile& profile) {
  if (!options.queue.adapt) return false;
  const int64_t rows =
      std::min(options.max_batch_rows, profile.RowsWithin(options.queue.objective * 2 / 5));
  return TimePerRow(profile, rows) + kHop < TimePerRow(profile, RoundRows(options, profile));
}

QueueLane::Options ForQueue(const ModelRuntime::Options& options, const RunProfile& profile) {
  QueueLane::Options queue = options.queue;
  const std::chrono::nanoseconds limit =
      queue.objective.count() > 0 ? queue.objective / 2 : kQueueBatchLimit;
  queue.max_rows = std::min(options.max_batch_rows, profile.RowsWithin(limit));
  if (queue.adapt) {  // it finds the largest that is within the limit by itself
    const int64_t most = profile.batches.empty() ? 1 : profile.batches.back().rows;
    queue.max_rows = std::min(options.max_batch_rows, most);
    queue.batches = profile.batches;
  }
  // Who names sizes wants them, as long as rows may be put together at all.
  if (!queue.preferred_rows.empty() && !profile.batches.empty()) {
    queue.max_rows = queue.preferred_rows.back();
  }
  const bool known = profile.run_time < std::chrono::nanoseconds::max();
  queue.run_time = known ? profile.run_time : std::chrono::nanoseconds(0);
  return queue;
}

}  // namespace

std::string_view LaneName(LaneKind kind) {
  switch (kind) {
    case LaneKind::kInline:
      return "inline";
    case LaneKind::kRound:
      return "round";
    case LaneKind::kQueue:
      return "queue";
  }
  return "unknown";
}

ModelRuntime::ModelRuntime(const Options& options, const RunProfile& profile, base::Clock& clock)
    : options_(options),
      profile_(profile),
      inline_allowed_(profile.run_time <= options.inline_limit &&
                      options.queue.max_delay.count() == 0 && !QueueIsCheaper(options, profile)),
      round_rows_(RoundRows(options, profile)),
      stats_(options.stat_shards),
      breaker_(options.breaker),
      cache_(options.cache.max_bytes > 0 ? std::make_unique<ResponseCache>(options.cache)
                                         : nullptr),
      queue_(ForQueue(options, profile), clock) {}

ModelRuntime& ModelRuntime::Of(const lifecycle::LoadedModel& model) {
  SLIPWAY_CHECK(model.attachment() != nullptr);
  return static_cast<ModelRuntime&>(*model.attachment());
}

LaneKind ModelRuntime::LaneFor(int64_t rows) const {
  if (!inline_allowed_.load(std::memory_order_relaxed)) return LaneKind::kQueue;
  if (rows < round_rows()) return LaneKind::kRound;
  if (rows <= 1) return LaneKind::kInline;
  const double expected =
      static_cast<double>(profile_.run_time.count()) * static_cast<double>(rows);
  return expected <= static_cast<double>(options_.inline_batch_limit.count()) ? LaneKind::kInline
                                                                              : LaneKind::kQueue;
}

void ModelRuntime::NoteInlineRun(std::chrono::nanoseconds took) {
  if (took > options_.inline_batch_limit * kInlineTolerance) {
    inline_allowed_.store(false, std::memory_order_relaxed);
  }
}

}  // namespace slipway::inference

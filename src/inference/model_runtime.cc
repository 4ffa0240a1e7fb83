#include "inference/model_runtime.h"

#include "base/check.h"

namespace slipway::inference {
namespace {

// An inline run this many times over the limit costs the model its place on the IO threads.
constexpr int kInlineTolerance = 10;

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
      inline_allowed_(profile.run_time <= options.inline_limit),
      round_rows_(options.rounds ? profile.round_rows : 1),
      stats_(options.stat_shards),
      queue_(options.queue, clock) {}

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

#include "inference/model_runtime.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace slipway::inference {
namespace {

// An inline run this many times over the limit costs the model its place on the IO threads.
constexpr int kInlineTolerance = 10;
constexpr size_t kMaxRuns = 30;
constexpr std::chrono::milliseconds kMeasureLimit{20};

}  // namespace

std::string_view LaneName(LaneKind kind) { return kind == LaneKind::kInline ? "inline" : "queue"; }

ModelRuntime::ModelRuntime(const Options& options, std::chrono::nanoseconds run_time,
                           base::Clock& clock)
    : options_(options),
      run_time_(run_time),
      inline_allowed_(run_time <= options.inline_limit),
      stats_(options.stat_shards),
      queue_(options.queue, clock) {}

ModelRuntime& ModelRuntime::Of(const lifecycle::LoadedModel& model) {
  SLIPWAY_CHECK(model.attachment() != nullptr);
  return static_cast<ModelRuntime&>(*model.attachment());
}

LaneKind ModelRuntime::LaneFor(int64_t rows) const {
  if (!inline_allowed_.load(std::memory_order_relaxed)) return LaneKind::kQueue;
  if (rows <= 1) return LaneKind::kInline;
  const double expected = static_cast<double>(run_time_.count()) * static_cast<double>(rows);
  return expected <= static_cast<double>(options_.inline_batch_limit.count()) ? LaneKind::kInline
                                                                              : LaneKind::kQueue;
}

void ModelRuntime::NoteInlineRun(std::chrono::nanoseconds took) {
  if (took > options_.inline_batch_limit * kInlineTolerance) {
    inline_allowed_.store(false, std::memory_order_relaxed);
  }
}

base::Result<std::chrono::nanoseconds> MeasureRun(engine::Engine& engine,
                                                  std::span<const tensor::TensorView> inputs,
                                                  base::Clock& clock) {
  std::vector<size_t> outputs(engine.signature().outputs.size());
  std::iota(outputs.begin(), outputs.end(), size_t{0});
  std::vector<tensor::Tensor> results;
  std::vector<std::chrono::nanoseconds> times;
  const base::SteadyTime start = clock.SteadyNow();
  base::SteadyTime begin = start;
  while (times.size() < kMaxRuns && (times.size() < 2 || begin - start < kMeasureLimit)) {
    SLIPWAY_RETURN_IF_ERROR(engine.Run(inputs, outputs, base::Deadline::Never(), results));
    const base::SteadyTime end = clock.SteadyNow();
    times.push_back(end - begin);
    begin = end;
  }
  std::ranges::sort(times);
  return times[(times.size() - 1) * 9 / 10];
}

}  // namespace slipway::inference

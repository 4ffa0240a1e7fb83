#include "inference/runtime_observer.h"

#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "lifecycle/warmup.h"

namespace slipway::inference {
namespace {

constexpr size_t kMaxProfiles = 4096;

}  // namespace

RuntimeObserver::RuntimeObserver(const ModelRuntime::Options& options, base::Clock& clock,
                                 base::Logger& log)
    : options_(options), clock_(clock), log_(log) {}

base::Result<std::unique_ptr<lifecycle::ModelAttachment>> RuntimeObserver::OnLoaded(
    const lifecycle::LoadedModel& model) {
  ModelRuntime::Options options = options_;
  options.queue.name = model.id().name;
  const RunProfile profile = Profile(model);
  auto runtime = std::make_unique<ModelRuntime>(options, profile, clock_);
  log_.Debug("lane chosen", {{"model", model.id().name},
                             {"version", model.id().version},
                             {"lane", LaneName(runtime->LaneFor(1))},
                             {"run_ns", profile.run_time.count()},
                             {"round_rows", runtime->round_rows()}});
  return std::unique_ptr<lifecycle::ModelAttachment>(std::move(runtime));
}

RunProfile RuntimeObserver::Profile(const lifecycle::LoadedModel& model) {
  const engine::EngineOptions& engine = model.config().engine;
  const std::string key =
      base::StrCat(model.digest(), " ", engine.provider, " ", engine.intra_op_threads);
  {
    const std::lock_guard lock(mutex_);
    const auto known = profiles_.find(key);
    if (known != profiles_.end()) return known->second;
  }
  const RunProfile profile = Measure(model);
  const std::lock_guard lock(mutex_);
  if (profiles_.size() >= kMaxProfiles) profiles_.clear();
  return profiles_[key] = profile;
}

RunProfile RuntimeObserver::Measure(const lifecycle::LoadedModel& model) const {
  const RunProfile unknown{.run_time = std::chrono::nanoseconds::max()};
  engine::Engine& engine = model.engine();
  if (engine.unbounded_run_time()) return unknown;
  const auto cases = lifecycle::SyntheticWarmup().Cases({}, engine.signature());
  if (!cases.ok()) return unknown;
  for (const lifecycle::WarmupCase& one : *cases) {
    std::vector<tensor::TensorView> inputs;
    for (const tensor::Tensor& input : one.inputs) inputs.push_back(input.view());
    const auto measured = MeasureRun(engine, inputs, clock_);
    if (!measured.ok()) continue;
    RunProfile profile{.run_time = *measured};
    if (options_.max_batch_rows > 1) profile.batches = MeasureBatches(engine, *measured, clock_);
    return profile;
  }
  return unknown;
}

}  // namespace slipway::inference

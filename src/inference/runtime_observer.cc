#include "inference/runtime_observer.h"

#include <utility>
#include <vector>

#include "lifecycle/warmup.h"

namespace slipway::inference {

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
                             {"round_rows", profile.round_rows}});
  return std::unique_ptr<lifecycle::ModelAttachment>(std::move(runtime));
}

RunProfile RuntimeObserver::Profile(const lifecycle::LoadedModel& model) const {
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
    if (options_.rounds && *measured <= options_.inline_limit) {
      profile.round_rows = ProfileRounds(engine, options_.inline_batch_limit, clock_);
    }
    return profile;
  }
  return unknown;
}

}  // namespace slipway::inference

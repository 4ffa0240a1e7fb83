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
  const std::chrono::nanoseconds run_time = Measure(model);
  auto runtime = std::make_unique<ModelRuntime>(options, run_time, clock_);
  log_.Debug("lane chosen", {{"model", model.id().name},
                             {"version", model.id().version},
                             {"lane", LaneName(runtime->LaneFor(1))},
                             {"run_ns", run_time.count()}});
  return std::unique_ptr<lifecycle::ModelAttachment>(std::move(runtime));
}

std::chrono::nanoseconds RuntimeObserver::Measure(const lifecycle::LoadedModel& model) const {
  engine::Engine& engine = model.engine();
  if (engine.unbounded_run_time()) return std::chrono::nanoseconds::max();
  const auto cases = lifecycle::SyntheticWarmup().Cases({}, engine.signature());
  if (!cases.ok()) return std::chrono::nanoseconds::max();
  for (const lifecycle::WarmupCase& one : *cases) {
    std::vector<tensor::TensorView> inputs;
    for (const tensor::Tensor& input : one.inputs) inputs.push_back(input.view());
    const auto measured = MeasureRun(engine, inputs, clock_);
    if (measured.ok()) return *measured;
  }
  return std::chrono::nanoseconds::max();
}

}  // namespace slipway::inference

#include "inference/runtime_observer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "inference/row_padding.h"
#include "lifecycle/warmup.h"

namespace slipway::inference {
namespace {

constexpr size_t kMaxProfiles = 4096;
constexpr double kNear = 1.33;
constexpr double kObjectiveOfRun = 0.4;  // may be spent in a run: one is waited for, then one's own
constexpr double kWorthThreads = 0.7;    // of the time on one thread

// Whether a row takes as long as it did, but for what a time at load varies by.
bool IsNear(std::chrono::nanoseconds one, std::chrono::nanoseconds other) {
  const auto [least, most] = std::minmax(one, other);
  return static_cast<double>(most.count()) <= kNear * static_cast<double>(least.count());
}

double InSeconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// What a profile depends on beside the model's files.
std::string StatesKey(const std::vector<engine::StateOption>& states) {
  std::string key;
  for (const engine::StateOption& state : states) {
    key.append(base::StrCat(" ", state.input.size(), ":", state.input, ">", state.output.size(),
                            ":", state.output));
    for (const int64_t dim : state.shape) key.append(base::StrCat(",", dim));
  }
  return key;
}

std::string Key(const lifecycle::LoadedModel& model, const engine::EngineOptions& engine,
                bool batches) {
  return base::StrCat(model.digest(), " ", engine.own_process, " ", engine.provider, " ",
                      engine.intra_op_threads, batches ? " batches" : "", StatesKey(engine.states));
}

}  // namespace

RuntimeObserver::RuntimeObserver(OptionsOf options_of, base::Clock& clock, base::Logger& log,
                                 SequenceKeeper* sequences, const ProfileStore* store)
    : options_of_(std::move(options_of)),
      clock_(clock),
      log_(log),
      sequences_(sequences),
      store_(store) {}

base::Result<std::unique_ptr<lifecycle::ModelAttachment>> RuntimeObserver::OnLoaded(
    const lifecycle::LoadedModel& model) {
  ModelRuntime::Options options = options_of_(model);
  options.queue.name = model.id().name;
  if (!model.engine().signature().states.empty()) {
    if (sequences_ == nullptr) return base::Unimplemented("states are kept by servers only");
    options.sequences = sequences_->TableOf(model.id().name, options.sequence);
  }
  const auto operator_threads = static_cast<size_t>(model.config().engine.intra_op_threads);
  if (options.most_operator_threads > 1) {  // they are the same processors
    options.queue.threads = std::max<size_t>(1, options.queue.threads / operator_threads);
  }
  RunProfile profile = Profile(model, options.max_batch_rows > 1);
  if (!profile.batches.empty()) profile.layout = FindPadding(model.engine(), options.pad);
  WarnOfUnusedSettings(model, options, profile);
  auto runtime = std::make_unique<ModelRuntime>(options, profile, clock_);
  log_.Debug("lane chosen", {{"model", model.id().name},
                             {"version", model.id().version},
                             {"lane", LaneName(runtime->LaneFor(1))},
                             {"run_ns", profile.run_time.count()},
                             {"round_rows", runtime->round_rows()},
                             {"padded", !profile.layout.padding.empty()}});
  return std::unique_ptr<lifecycle::ModelAttachment>(std::move(runtime));
}

void RuntimeObserver::WarnOfUnusedSettings(const lifecycle::LoadedModel& model,
                                           const ModelRuntime::Options& options,
                                           const RunProfile& profile) const {
  if (!options.queue.preferred_rows.empty() && profile.batches.empty()) {
    log_.Warn(
        "preferred batch sizes are not used: the model gains nothing from batches, or its rows "
        "depend on each other",
        {{"model", model.id().name}, {"version", model.id().version}});
  }
  if (!options.pad.empty() && profile.layout.padding.empty()) {
    log_.Warn(
        "rows are not padded: the model has no such inputs whose second dimension alone is free, "
        "gains nothing from batches, or answers otherwise when rows are padded",
        {{"model", model.id().name}, {"version", model.id().version}});
  }
}

std::optional<engine::EngineOptions> RuntimeObserver::BetterOptions(
    const lifecycle::LoadedModel& model) {
  const ModelRuntime::Options options = options_of_(model);
  if (options.most_operator_threads <= 1 || !options.queue.adapt) return std::nullopt;
  const bool batches = options.max_batch_rows > 1;
  engine::EngineOptions better = model.config().engine;
  const std::chrono::nanoseconds now = Profile(model, batches).run_time;
  if (better.intra_op_threads == 1) {
    if (now == std::chrono::nanoseconds::max() ||
        InSeconds(now) <= kObjectiveOfRun * InSeconds(options.queue.objective)) {
      return std::nullopt;
    }
    better.intra_op_threads = options.most_operator_threads;
    return better;
  }
  better.intra_op_threads = 1;
  const std::optional<RunProfile> before = Known(Key(model, better, batches));
  const bool gains = !before || InSeconds(now) <= kWorthThreads * InSeconds(before->run_time);
  log_.Info(gains ? "loaded with more threads inside operators, for its objective"
                  : "more threads inside operators do not help",
            {{"model", model.id().name},
             {"version", model.id().version},
             {"threads", options.most_operator_threads},
             {"run_us", std::chrono::duration_cast<std::chrono::microseconds>(now).count()}});
  return gains ? std::nullopt : std::optional(better);
}

std::optional<RunProfile> RuntimeObserver::Known(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto known = profiles_.find(key);
  return known == profiles_.end() ? std::nullopt : std::optional(known->second);
}

RunProfile RuntimeObserver::Profile(const lifecycle::LoadedModel& model, bool batches) {
  const std::string key = Key(model, model.config().engine, batches);
  if (const std::optional<RunProfile> known = Known(key)) return *known;
  const RunProfile profile = Measure(model, batches, key);
  const std::lock_guard lock(mutex_);
  if (profiles_.size() >= kMaxProfiles) profiles_.clear();
  return profiles_[key] = profile;
}

RunProfile RuntimeObserver::Measure(const lifecycle::LoadedModel& model, bool batches,
                                    const std::string& key) const {
  RunProfile unknown{.run_time = std::chrono::nanoseconds::max()};
  engine::Engine& engine = model.engine();
  if (engine.unbounded_run_time()) return unknown;
  const auto cases = lifecycle::SyntheticWarmup().Cases({}, engine.signature());
  if (!cases.ok()) return unknown;
  for (const lifecycle::WarmupCase& one : *cases) {
    std::vector<tensor::TensorView> inputs;
    inputs.reserve(one.inputs.size());
    for (const tensor::Tensor& input : one.inputs) inputs.push_back(input.view());
    const auto measured = MeasureRun(engine, inputs, clock_);
    if (!measured.ok()) continue;
    const auto typical = MeasureTypicalRow(engine, clock_);
    RunProfile profile{.run_time = typical.ok() ? *typical : *measured};
    if (batches) profile.batches = Batches(engine, profile.run_time, key);
    return profile;
  }
  return unknown;
}

// What is kept of the model, or measured now and then kept.
std::vector<RunProfile::Batch> RuntimeObserver::Batches(engine::Engine& engine,
                                                        std::chrono::nanoseconds run_time,
                                                        const std::string& key) const {
  if (store_ == nullptr) return MeasureBatches(engine, run_time, clock_);
  const auto kept = store_->Find(key);
  if (kept.ok() && IsNear(kept->run_time, run_time)) return kept->batches;
  if (!kept.ok() && kept.status().code() == base::StatusCode::kInvalidArgument) {
    log_.Warn("what was kept of a model cannot be used", {{"error", kept.status().ToString()}});
  }
  const RunProfile profile{.run_time = run_time,
                           .batches = MeasureBatches(engine, run_time, clock_)};
  const base::Status status = store_->Keep(key, profile);
  if (!status.ok()) {
    log_.Debug("what was measured of a model is not kept", {{"error", status.ToString()}});
  }
  return profile.batches;
}

}  // namespace slipway::inference

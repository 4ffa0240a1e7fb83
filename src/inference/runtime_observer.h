#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "inference/model_runtime.h"
#include "inference/profile_store.h"
#include "inference/sequence_keeper.h"
#include "lifecycle/model_observer.h"

namespace slipway::inference {

// Gives every model its runtime as it is loaded: measures how long one row takes and what batches
// gain, and so chooses the lane. What was measured is remembered by the model's digest, so that a
// version that comes back is ready sooner, and what batches gain is kept in a ProfileStore for the
// next start: it is taken from there where one row still takes about as long as it did.
//
// A model of which one row takes longer than an objective allows is loaded again with more threads
// inside its operators, if that makes it so much quicker that it is worth them.
//
// Thread-safe; must outlive the manager that calls it.
class RuntimeObserver final : public lifecycle::ModelObserver {
 public:
  using OptionsOf = std::function<ModelRuntime::Options(const lifecycle::LoadedModel& model)>;

  // `sequences` may be null: models with state are refused. `store` may be null: every start
  // measures all.
  RuntimeObserver(OptionsOf options_of, base::Clock& clock, base::Logger& log,
                  SequenceKeeper* sequences = nullptr, const ProfileStore* store = nullptr);

  std::optional<engine::EngineOptions> BetterOptions(const lifecycle::LoadedModel& model) override;
  base::Result<std::unique_ptr<lifecycle::ModelAttachment>> OnLoaded(
      const lifecycle::LoadedModel& model) override;
  void OnUnloaded(const lifecycle::ModelId& /*id*/) override {}
  void OnLoadFailed(const lifecycle::ModelId& /*id*/, const base::Status& /*status*/) override {}

 private:
  // Of made-up input; a time beyond any limit when the model refuses every made-up input, or when
  // its time depends on the values of its inputs.
  RunProfile Measure(const lifecycle::LoadedModel& model, bool batches,
                     const std::string& key) const;
  std::vector<RunProfile::Batch> Batches(engine::Engine& engine, std::chrono::nanoseconds run_time,
                                         const std::string& key) const;
  RunProfile Profile(const lifecycle::LoadedModel& model, bool batches);
  std::optional<RunProfile> Known(const std::string& key) const;
  void WarnOfUnusedSettings(const lifecycle::LoadedModel& model,
                            const ModelRuntime::Options& options, const RunProfile& profile) const;

  const OptionsOf options_of_;
  base::Clock& clock_;
  base::Logger& log_;
  SequenceKeeper* const sequences_;
  const ProfileStore* const store_;
  mutable std::mutex mutex_;                    // guards profiles_
  std::map<std::string, RunProfile> profiles_;  // by digest and what they depend on
};

}  // namespace slipway::inference

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>

#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"
#include "lifecycle/memory_budget.h"
#include "lifecycle/model.h"
#include "lifecycle/model_observer.h"
#include "lifecycle/source.h"
#include "lifecycle/unload_queue.h"
#include "lifecycle/warmup.h"

namespace slipway::lifecycle {

// Owns one model version from bytes on disk to a running Engine, and back.
//
//   kNew --Load()--> kLoading --ok--> kReady --Drain()--> kDraining --last handle--> kUnloaded
//                       `--error--> kFailed   (Load() says why; a retry takes a new Loader)
//
// Load() runs once, on a lifecycle thread, never on a request thread; it may take minutes. It
// digests the files, makes the engine, checks that no file changed meanwhile (so that the digest is
// of what the engine saw), warms up and asks the observer, who may want the engine loaded with
// other options. When the last handle goes, whatever thread drops it, the model is destroyed on the
// unload queue.
//
// Thread-safe, but Load() comes first. The destructor drains; it may run before the model is gone.
// Memory: at most EstimateBytes() from Load() to kUnloaded; the Manager admits by that number.
class Loader {
 public:
  enum class State : uint8_t { kNew, kLoading, kReady, kDraining, kUnloaded, kFailed };

  // What a loader works with. Everything must outlive the loader; `observer` may be null.
  struct Services {
    const base::FileSystem& fs;
    const base::Clock& clock;
    base::Logger& log;
    const engine::EngineFactory& factory;
    const WarmupSource& warmup;
    ModelObserver* observer;
    // Where `observer` is called, at the priority of requests: threads that it starts inherit that,
    // and what it measures is what requests will see. Must run everything posted to it.
    base::Executor& observing;
    std::shared_ptr<UnloadQueue> unloads;
    std::chrono::nanoseconds warmup_limit = std::chrono::seconds(10);
  };

  // `on_unloaded` runs once on the unload queue when kUnloaded is reached, unless the queue is
  // closed.
  Loader(ModelId id, AvailableVersion version, Services services,
         std::function<void()> on_unloaded = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Resident bytes the model will take: the engine's guess, and what the configuration reserves.
  // Not the states of its sequences, which are known, and reserved, once it is loaded.
  // Errors: the engine factory's.
  base::Result<uint64_t> EstimateBytes() const;
  // `memory` is held until kUnloaded or kFailed. Errors: kAborted (the files changed while they
  // were read: try again), those of EngineFactory::Load(), Engine::Run() and the observer.
  base::Status Load(MemoryBudget::Reservation memory);
  // Gives up the loader's own handle. Only for kReady.
  void Drain();

  State state() const;
  const ModelId& id() const { return id_; }
  const AvailableVersion& version() const { return version_; }
  // Null but for kReady.
  const ModelHandle& handle() const { return handle_; }

 private:
  struct Progress;  // what outlives the loader, until the model is gone
  class ServingModel;

  base::Status LoadModel(std::unique_ptr<ServingModel>& model);
  base::Status CheckUnchanged(const ModelStamps& before) const;
  base::Status ReserveStates(const ServingModel& model) const;
  base::Status Prepare(ServingModel& model, const ModelStamps& stamps) const;
  base::Status WarmUpModel(const ServingModel& model) const;
  base::Status LoadBetter(ServingModel& model, const ModelStamps& stamps) const;
  void OnObserver(const std::function<void(ModelObserver& observer)>& call) const;

  const ModelId id_;
  AvailableVersion version_;
  const Services services_;
  std::shared_ptr<Progress> progress_;  // shared with the model's deleter: either may be last
  ModelHandle handle_;
};

// "loading"
std::ostream& operator<<(std::ostream& out, Loader::State state);

}  // namespace slipway::lifecycle

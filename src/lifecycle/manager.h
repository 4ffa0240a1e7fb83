#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"
#include "lifecycle/loader.h"
#include "lifecycle/memory_budget.h"
#include "lifecycle/model_observer.h"
#include "lifecycle/model_status.h"
#include "lifecycle/model_table.h"
#include "lifecycle/repository_watcher.h"
#include "lifecycle/retry_schedule.h"
#include "lifecycle/snapshot_publisher.h"
#include "lifecycle/source.h"
#include "lifecycle/unload_queue.h"
#include "lifecycle/version_policy.h"
#include "lifecycle/warmup.h"

namespace slipway::lifecycle {

// Who decides what is loaded.
enum class ControlMode : uint8_t {
  kExplicit,  // what is loaded at start, then only Load() and Unload()
  kWatch,     // the source, as it changes; Load() and Unload() are refused
};

// Which models are loaded at start; in kWatch mode, which are served at all.
struct InitialSelection {
  bool all = true;
  std::set<std::string> names = {};  // when not all; empty: none
};

struct ManagerOptions {
  ControlMode mode = ControlMode::kWatch;
  InitialSelection load = {};
  VersionPolicy default_policy = {};
  std::map<std::string, VersionPolicy> policies = {};  // by model name
  uint64_t memory_budget_bytes = 0;                    // 0: DefaultMemoryBudget()
  // When old and new version do not fit into the budget together: unload the old first, at the
  // price of a gap in service. False: refuse, and keep the old.
  bool replace_when_short = false;
  size_t load_threads = 2;  // models that load at the same time
  // How long a load waits for memory of versions that drain.
  std::chrono::nanoseconds drain_wait = std::chrono::seconds(10);
  // How long the destructor waits for handles that are still held.
  std::chrono::nanoseconds shutdown_wait = std::chrono::seconds(10);
  RetrySchedule::Options retry = {};      // in kWatch mode
  RepositoryWatcher::Options watch = {};  // in kWatch mode

  // kInvalidArgument names the field.
  base::Status Validate() const;
};

// A wish of an operator, as POST /v2/repository/models/NAME/load brings it.
struct LoadRequest {
  std::string name;
  // Replaces the stored configuration for this load, and forces a reload. Labels come from the
  // source unless it has its own.
  std::optional<ModelConfig> config = {};
  // Replaces the policy for this load.
  std::optional<VersionPolicy> policy = {};
  // Files by version and relative name, instead of what the source has; each version needs a
  // "model.onnx" or another model file (FindModelFile).
  std::map<int64_t, std::map<std::string, std::string>> files = {};
};

// Brings models into memory and out again, and publishes which are ready.
//
//   Manager manager(services, options);
//   SLIPWAY_RETURN_IF_ERROR(manager.Start());
//   manager.Load({.name = "resnet50"}, [](const base::Status& status) { ... });
//
// Changes of one model happen one after the other, in the order they were asked for; different
// models load side by side. A version is swapped in only when it is loaded, warmed up and observed;
// only then the old one drains. A load that fails leaves what served before. Nothing here runs on
// the caller's thread: one control thread decides, publishes and calls back; at low priority, one
// thread reads the source, `load_threads` load, and one unloads.
//
// Thread-safe. The destructor refuses what waits (kUnavailable), lets running loads end, publishes
// an empty snapshot and waits up to `shutdown_wait` for every handle to be dropped; models still
// held then are destroyed by whoever drops them. It must not run on a lifecycle thread.
class Manager {
 public:
  // All must outlive the manager, and `factory` every handle; `observer` and `warmup` may be null
  // (then SyntheticWarmup), `listener` empty.
  struct Services {
    const base::FileSystem& fs;
    base::Clock& clock;
    base::Logger& log;
    const engine::EngineFactory& factory;
    const Source& source;
    SnapshotPublisher& publisher;
    ModelObserver* observer = nullptr;
    ModelEventListener listener = {};
    const WarmupSource* warmup = nullptr;
  };
  // Called once, on the control thread; must be quick and must not destroy the manager.
  using Done = std::function<void(const base::Status&)>;

  // `options` must pass Validate().
  Manager(const Services& services, ManagerOptions options);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Begins the initial loads. Reads the source once on the calling thread. Errors: the source's.
  base::Status Start();

  // Re-reads the source and brings the model to the versions its policy asks for. A version that is
  // ready and unchanged stays as it is. Errors: kUnavailable (kWatch mode; shutting down),
  // kNotFound (no such model, or no version that could be used: the notes say why),
  // kInvalidArgument, kResourceExhausted (memory; with numbers), and what loading says.
  void Load(LoadRequest request, Done done);
  // Done once no version is ready any more; requests in flight end in the background. A model that
  // is not loaded is no error. Errors: kUnavailable as above.
  void Unload(std::string name, Done done);

  // What models are to be loaded with has changed. In kWatch mode they are loaded again soon, as if
  // their files had changed; in kExplicit mode that is for the caller to ask.
  void ConfigsChanged();

  // What is known of every model, from memory.
  std::vector<ModelStatus> Index() const { return table_.Statuses(); }
  // The same after looking into the source for models that came or went.
  void RefreshIndex(std::function<void(base::Result<std::vector<ModelStatus>>)> done);

  bool AllInitialLoadsDone() const { return initial_loads().done; }
  InitialLoads initial_loads() const;
  ControlMode mode() const { return options_.mode; }
  const MemoryBudget& memory() const { return memory_; }

 private:
  struct Operation;
  using OperationPtr = std::shared_ptr<Operation>;  // shared by the queue and the work in flight
  struct Lane {
    std::deque<OperationPtr> waiting;
    OperationPtr running;
  };

  // manager_operation.cc: what happens to one operation, in order. On the control thread.
  void Enqueue(OperationPtr operation);
  static bool Coalesce(Lane& lane, Operation& operation);
  void StartNext(const std::string& name);
  void Begin(const OperationPtr& operation, base::Result<SourceModel> found);
  bool NeedsLoad(const Operation& operation, const AvailableVersion& version) const;
  void StartLoad(const OperationPtr& operation, const AvailableVersion& version);
  void LoadEnded(const OperationPtr& operation, const std::shared_ptr<Loader>& loader,
                 const base::Status& status, std::chrono::nanoseconds duration);
  void Commit(const OperationPtr& operation);
  void Finish(const OperationPtr& operation, const base::Status& status);
  void Drain(const ModelId& id);
  void Unloaded(const ModelId& id);
  void Publish();
  void Emit(const ModelEvent& event);
  // Its parts on other threads: scanning, loading, unloading.
  base::Result<SourceModel> FindModel(const Operation& operation) const;
  void RunLoad(const OperationPtr& operation, const std::shared_ptr<Loader>& loader);
  base::Result<MemoryBudget::Reservation> Admit(const Operation& operation, const Loader& loader);
  void Replace(const Operation& operation);
  void ReportUnloaded(const ModelId& id);

  // manager.cc: where operations come from.
  void Post(base::Executor::Work work) { control_->Post(std::move(work)); }
  void Refuse(const Done& done, const std::string& name, std::string_view verb);
  void StartInitialLoads(const SourceListing& listing);
  Done InitialDone(const std::string& name);
  void CloseInitial();
  void ApplyListing(SourceListing listing);
  void Aspire(SourceModel model);
  void RunDueRetries();
  void NoteListing(const SourceListing& listing);
  bool Selected(const SourceModel& model) const;
  void CountOperation(int change);

  const Services services_;
  const ManagerOptions options_;
  const SyntheticWarmup synthetic_warmup_;
  ModelTable table_;
  MemoryBudget memory_;
  std::shared_ptr<UnloadQueue> unloads_;  // shared with every loaded model, which may outlive us
  std::atomic<bool> stopping_ = false;

  // Only the control thread uses these.
  std::map<std::string, Lane> lanes_;
  std::map<std::string, SourceModel> aspired_;  // kWatch mode: what the source had last
  bool initial_open_ = true;                    // more may come that counts as an initial load
  bool unpublished_ = false;                    // table_ has changed since the last snapshot
  RetrySchedule retries_;
  uint64_t unloads_seen_ = 0;
  std::set<std::string> logged_notes_;

  mutable std::mutex initial_mutex_;  // guards the next two
  InitialLoads initial_;
  size_t initial_pending_ = 1;  // loads that have not ended, and one until CloseInitial()

  std::mutex idle_mutex_;         // guards operations_
  std::condition_variable idle_;  // an operation finished, or a model was unloaded
  int operations_ = 0;            // begun and not finished

  std::unique_ptr<base::ThreadPool> control_;
  std::unique_ptr<base::ThreadPool> scans_;
  std::unique_ptr<base::ThreadPool> observing_;  // of normal priority
  std::unique_ptr<base::ThreadPool> loads_;
  std::unique_ptr<RepositoryWatcher> watcher_;  // this and the next use all above
  std::jthread retry_thread_;
};

}  // namespace slipway::lifecycle

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "lifecycle/loader.h"
#include "lifecycle/model.h"
#include "lifecycle/model_status.h"

namespace slipway::lifecycle {

// The manager's books: which version is in which state, and who serves it. Decides nothing.
//
// Each version has at most one loader that is ready, at most one that is loading (to become the
// first or to replace the ready one) and any number that drain. Of versions that are out of memory
// the newest 16 per model are remembered, for the index. Thread-safe; the manager's control thread
// writes, anyone reads.
class ModelTable {
 public:
  explicit ModelTable(const base::Clock& clock) : clock_(clock) {}

  // The names in the repository, as the last listing had them.
  void SetRepository(std::set<std::string> names);

  void StartLoad(const ModelId& id);
  void FailLoad(const ModelId& id, const base::Status& status, std::chrono::nanoseconds duration);
  // The loading version becomes ready. Returns the loader that it replaces, or null; that one
  // counts as draining from now on.
  std::shared_ptr<Loader> Install(const std::shared_ptr<Loader>& loader,
                                  std::chrono::nanoseconds duration);
  // The version counts as draining from now on. Null when it is not ready.
  std::shared_ptr<Loader> Remove(const ModelId& id);
  // One that was draining is gone.
  void Unloaded(const ModelId& id);

  // Null when the version is not ready.
  std::shared_ptr<Loader> Find(const ModelId& id) const;
  std::vector<int64_t> ReadyVersions(const std::string& name) const;  // ascending
  std::vector<ModelId> Ready() const;
  // Loaders in memory: ready or draining.
  size_t live() const;
  std::shared_ptr<const Snapshot> MakeSnapshot() const;
  std::vector<ModelStatus> Statuses() const;  // sorted by name; with the repository's other models

 private:
  struct Record {
    std::shared_ptr<Loader> ready;
    bool loading = false;
    int draining = 0;
    base::Status failure;  // of the last load; OK once one succeeds
    base::SystemTime since;
    std::chrono::nanoseconds load_duration{};
    uint64_t estimated_bytes = 0;
    std::string digest;

    ModelState state() const;
    VersionStatus Describe(int64_t version) const;
  };
  using Versions = std::map<int64_t, Record>;

  // Changes a record and notes when its state changed. mutex_ held.
  template <typename Change>
  void Update(const ModelId& id, Change change);
  static void Forget(Versions& versions);

  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards everything below
  std::map<std::string, Versions> models_;
  std::set<std::string> repository_;
  size_t live_ = 0;
};

}  // namespace slipway::lifecycle

#include "lifecycle/model_table.h"

#include <algorithm>
#include <array>
#include <utility>

namespace slipway::lifecycle {
namespace {

constexpr size_t kRememberedVersions = 16;

}  // namespace

std::string_view ModelStateName(ModelState state) {
  constexpr std::array<std::string_view, 5> kNames = {"UNKNOWN", "LOADING", "READY", "UNLOADING",
                                                      "UNAVAILABLE"};
  return kNames[static_cast<size_t>(state)];
}

ModelState ModelTable::Record::state() const {
  if (ready != nullptr) return ModelState::kReady;
  if (loading) return ModelState::kLoading;
  return draining > 0 ? ModelState::kUnloading : ModelState::kUnavailable;
}

VersionStatus ModelTable::Record::Describe(int64_t version) const {
  VersionStatus status{.version = version,
                       .state = state(),
                       .reason = failure.message(),
                       .since = since,
                       .load_duration = load_duration,
                       .estimated_bytes = ready != nullptr || draining > 0 ? estimated_bytes : 0,
                       .digest = digest};
  if (status.state == ModelState::kUnavailable && failure.ok()) status.reason = "unloaded";
  return status;
}

template <typename Change>
void ModelTable::Update(const ModelId& id, Change change) {
  Versions& versions = models_[id.name];
  const auto [at, is_new] = versions.try_emplace(id.version);
  const ModelState before = at->second.state();
  change(at->second);
  const ModelState after = at->second.state();
  if (is_new || before != after) at->second.since = clock_.SystemNow();
  if (after == ModelState::kUnavailable) Forget(versions);
}

void ModelTable::Forget(Versions& versions) {
  size_t unavailable = 0;
  for (auto at = versions.end(); at != versions.begin();) {
    --at;
    if (at->second.state() != ModelState::kUnavailable) continue;
    if (++unavailable > kRememberedVersions) at = versions.erase(at);
  }
}

void ModelTable::SetRepository(std::set<std::string> names) {
  const std::lock_guard lock(mutex_);
  repository_ = std::move(names);
}

void ModelTable::StartLoad(const ModelId& id) {
  const std::lock_guard lock(mutex_);
  Update(id, [](Record& record) { record.loading = true; });
}

void ModelTable::FailLoad(const ModelId& id, const base::Status& status,
                          std::chrono::nanoseconds duration) {
  const std::lock_guard lock(mutex_);
  Update(id, [&](Record& record) {
    record.loading = false;
    record.failure = status;
    record.load_duration = duration;
  });
}

std::shared_ptr<Loader> ModelTable::Install(const std::shared_ptr<Loader>& loader,
                                            std::chrono::nanoseconds duration) {
  std::shared_ptr<Loader> replaced = loader;
  const std::lock_guard lock(mutex_);
  ++live_;
  Update(loader->id(), [&](Record& record) {
    record.ready.swap(replaced);
    record.loading = false;
    record.failure = base::OkStatus();
    record.load_duration = duration;
    record.estimated_bytes = loader->handle()->estimated_bytes();
    record.digest = loader->handle()->digest();
    if (replaced != nullptr) ++record.draining;
  });
  return replaced;
}

std::shared_ptr<Loader> ModelTable::Remove(const ModelId& id) {
  const std::lock_guard lock(mutex_);
  const auto model = models_.find(id.name);
  if (model == models_.end() || !model->second.contains(id.version)) return nullptr;
  std::shared_ptr<Loader> removed;
  Update(id, [&](Record& record) {
    record.ready.swap(removed);
    if (removed != nullptr) ++record.draining;
    if (removed != nullptr) record.failure = base::OkStatus();
  });
  return removed;
}

void ModelTable::Unloaded(const ModelId& id) {
  const std::lock_guard lock(mutex_);
  --live_;
  Update(id, [](Record& record) { --record.draining; });
}

std::shared_ptr<Loader> ModelTable::Find(const ModelId& id) const {
  const std::lock_guard lock(mutex_);
  const auto model = models_.find(id.name);
  if (model == models_.end()) return nullptr;
  const auto version = model->second.find(id.version);
  return version == model->second.end() ? nullptr : version->second.ready;
}

std::vector<int64_t> ModelTable::ReadyVersions(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  std::vector<int64_t> ready;
  const auto model = models_.find(name);
  if (model == models_.end()) return ready;
  for (const auto& [version, record] : model->second) {
    if (record.ready != nullptr) ready.push_back(version);
  }
  return ready;
}

std::vector<ModelId> ModelTable::Ready() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelId> ready;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, record] : versions) {
      if (record.ready != nullptr) ready.push_back({.name = name, .version = version});
    }
  }
  return ready;
}

size_t ModelTable::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

std::shared_ptr<const Snapshot> ModelTable::MakeSnapshot() const {
  const std::lock_guard lock(mutex_);
  std::vector<Snapshot::Model> models;
  for (const auto& [name, versions] : models_) {
    Snapshot::Model model{.name = name};
    for (const auto& [version, record] : versions) {
      if (record.ready != nullptr) model.versions.push_back(record.ready->handle());
    }
    models.push_back(std::move(model));
  }
  return std::make_shared<const Snapshot>(std::move(models));
}

std::vector<ModelStatus> ModelTable::Statuses() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, ModelStatus> by_name;
  for (const std::string& name : repository_) {
    by_name[name] = {.name = name, .in_repository = true};
  }
  for (const auto& [name, versions] : models_) {
    ModelStatus& model = by_name[name];
    model.name = name;
    for (const auto& [version, record] : versions) {
      model.versions.push_back(record.Describe(version));
    }
  }
  std::vector<ModelStatus> statuses;
  statuses.reserve(by_name.size());
  for (auto& [name, model] : by_name) statuses.push_back(std::move(model));
  return statuses;
}

}  // namespace slipway::lifecycle

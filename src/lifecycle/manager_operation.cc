#include "lifecycle/manager_operation.h"

#include <algorithm>
#include <latch>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/model_files.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;

namespace {

Status NothingToLoad(const SourceModel& model, const VersionPolicy& policy) {
  std::string message = StrCat("model '", model.name, "' has no version to load");
  if (!model.versions.empty()) {
    message +=
        StrCat(": policy '", policy, "' matches none of its ", model.versions.size(), " versions");
  }
  for (const std::string& note : model.notes) message += StrCat("; ", note);
  return base::NotFound(std::move(message));
}

// A relative name that stays inside the model's directory.
Status CheckFileName(std::string_view name) {
  std::string_view rest = name;
  bool good = !name.empty() && name.size() <= 512 && name.find('\0') == std::string_view::npos;
  while (good) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    good =
        !part.empty() && part != "." && part != ".." && part.find('\\') == std::string_view::npos;
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (good) return OkStatus();
  return InvalidArgument(StrCat("file name '", base::Printable(name),
                                "': expected a relative path without '.', '..' or '\\'"));
}

Result<SourceModel> ModelFromFiles(const LoadRequest& request) {
  SourceModel model{.name = request.name};
  for (const auto& [version, files] : request.files) {
    if (version < 0) return InvalidArgument(StrCat("version ", version, ": expected at least 0"));
    std::vector<std::string> names;
    for (const auto& [name, content] : files) {
      SLIPWAY_RETURN_IF_ERROR(CheckFileName(name));
      names.push_back(name);
    }
    Result<std::string> model_file = FindModelFile(names);
    if (!model_file.ok()) {
      return InvalidArgument(
          StrCat("version ", version, " of the files given: ", model_file.status().message()));
    }
    model.versions.push_back(
        {.version = version,
         .files = {
             .directory = {},
             .model_file = *std::move(model_file),
             .in_memory = std::make_shared<const std::map<std::string, std::string>>(files)}});
  }
  return model;
}

}  // namespace

void Manager::Enqueue(OperationPtr operation) {
  const std::string name = operation->name();
  Lane& lane = lanes_[name];
  if (Coalesce(lane, *operation)) return;
  CountOperation(1);
  lane.waiting.push_back(std::move(operation));
  if (lane.running == nullptr) StartNext(name);
}

// A newer wish of the source makes the one that still waits pointless.
bool Manager::Coalesce(Lane& lane, Operation& operation) {
  if (operation.kind != Operation::Kind::kApply || operation.done || lane.waiting.empty()) {
    return false;
  }
  Operation& last = *lane.waiting.back();
  if (last.kind != Operation::Kind::kApply) return false;
  last.model = std::move(operation.model);
  last.retry.merge(operation.retry);
  return true;
}

void Manager::StartNext(const std::string& name) {
  Lane& lane = lanes_[name];
  if (lane.waiting.empty()) {
    lanes_.erase(name);
    return;
  }
  lane.running = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  const OperationPtr operation = lane.running;
  if (stopping_) return Finish(operation, base::Unavailable("the server is shutting down"));
  switch (operation->kind) {
    case Operation::Kind::kLoad:
      scans_->Post([this, operation] {
        auto found = std::make_shared<Result<SourceModel>>(FindModel(*operation));
        Post([this, operation, found] { Begin(operation, std::move(*found)); });
      });
      return;
    case Operation::Kind::kUnload:
      return Commit(operation);
    case Operation::Kind::kApply:
      return Begin(operation, std::move(operation->model));
  }
}

Result<SourceModel> Manager::FindModel(const Operation& operation) const {
  const LoadRequest& request = operation.request;
  SLIPWAY_RETURN_IF_ERROR(CheckModelName(request.name));
  Result<SourceModel> model =
      request.files.empty() ? services_.source.Find(request.name) : ModelFromFiles(request);
  if (!model.ok()) return model.status();
  if (!request.config) return model;
  for (AvailableVersion& version : model->versions) {
    auto labels = std::move(version.config.labels);
    version.config = *request.config;
    if (version.config.labels.empty()) version.config.labels = std::move(labels);
  }
  return model;
}

void Manager::Begin(const OperationPtr& operation, Result<SourceModel> found) {
  if (!found.ok()) return Finish(operation, found.status());
  Operation& op = *operation;
  op.unloads_seen = unloads_seen_;
  op.model = *std::move(found);
  for (const AvailableVersion& version : op.model.versions) op.available.push_back(version.version);
  const auto own = options_.policies.find(op.name());
  const VersionPolicy& stored =
      own == options_.policies.end() ? options_.default_policy : own->second;
  const VersionPolicy policy = op.request.policy.value_or(stored);
  op.desired = DesiredVersions(policy, op.available);
  retries_.Keep(op.name(), op.available);
  if (op.kind == Operation::Kind::kLoad && op.desired.empty()) {
    return Finish(operation, NothingToLoad(op.model, policy));
  }
  std::vector<const AvailableVersion*> to_load;
  for (const AvailableVersion& version : op.model.versions) {
    const bool desired = std::ranges::binary_search(op.desired, version.version);
    if (desired && NeedsLoad(op, version)) to_load.push_back(&version);
  }
  for (const int64_t version : table_.ReadyVersions(op.name())) {
    const ModelId id{.name = op.name(), .version = version};
    const bool stays =
        std::ranges::binary_search(op.desired, version) &&
        std::ranges::find(to_load, version, &AvailableVersion::version) == to_load.end();
    if (stays) continue;
    op.replaceable.push_back(id);
    op.replaceable_bytes += table_.Find(id)->handle()->estimated_bytes();
  }
  op.pending = to_load.size();
  if (to_load.empty()) return Commit(operation);
  for (const AvailableVersion* version : to_load) StartLoad(operation, *version);
}

bool Manager::NeedsLoad(const Operation& operation, const AvailableVersion& version) const {
  const ModelId id{.name = operation.name(), .version = version.version};
  const std::shared_ptr<Loader> current = table_.Find(id);
  if (current != nullptr && !operation.forced() && SameVersion(current->version(), version)) {
    return false;
  }
  return operation.kind != Operation::Kind::kApply || operation.retry.contains(id.version) ||
         !retries_.Known(id, version);
}

void Manager::StartLoad(const OperationPtr& operation, const AvailableVersion& version) {
  const ModelId id{.name = operation->name(), .version = version.version};
  const Loader::Services services{
      .fs = services_.fs,
      .clock = services_.clock,
      .log = services_.log,
      .factory = services_.factory,
      .warmup = services_.warmup != nullptr ? *services_.warmup : synthetic_warmup_,
      .observer = services_.observer,
      .observing = *observing_,
      .unloads = unloads_};
  auto loader = std::make_shared<Loader>(id, version, services, [this, id] { ReportUnloaded(id); });
  table_.StartLoad(id);
  loads_->Post([this, operation, loader] { RunLoad(operation, loader); });
}

void Manager::RunLoad(const OperationPtr& operation, const std::shared_ptr<Loader>& loader) {
  const ModelId& id = loader->id();
  Post([this, id] { Emit({.kind = ModelEvent::Kind::kLoadStarted, .id = id}); });
  const base::SteadyTime start = services_.clock.SteadyNow();
  Status status;
  if (stopping_) {
    status = base::Unavailable("the server is shutting down");
  } else if (Result<MemoryBudget::Reservation> memory = Admit(*operation, *loader); !memory.ok()) {
    status = memory.status();
  } else {
    status = loader->Load(*std::move(memory));
  }
  status = status.WithContext(StrCat(id));
  const auto duration = services_.clock.SteadyNow() - start;
  if (!status.ok() && services_.observer != nullptr) services_.observer->OnLoadFailed(id, status);
  Post([this, operation, loader, status, duration] {
    LoadEnded(operation, loader, status, duration);
  });
}

Result<MemoryBudget::Reservation> Manager::Admit(const Operation& operation, const Loader& loader) {
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t bytes, loader.EstimateBytes());
  Result<MemoryBudget::Reservation> memory = memory_.Reserve(bytes, options_.drain_wait);
  if (memory.ok() || operation.replaceable.empty() ||
      !memory_.FitsWithout(bytes, operation.replaceable_bytes)) {
    return memory;
  }
  if (!options_.replace_when_short) {
    return base::ResourceExhausted(
        StrCat(memory.status().message(), "; it would fit if what it replaces (",
               base::FormatByteSize(operation.replaceable_bytes),
               ") were unloaded first, at the price of a gap in service: unload the model and load "
               "it again, set replace_when_short, or raise the memory budget"));
  }
  Replace(operation);
  return memory_.Reserve(bytes, options_.drain_wait);
}

// Drains what the operation replaces before its new version is there. Called on a load thread,
// which waits; the control thread never waits for a load thread.
void Manager::Replace(const Operation& operation) {
  std::latch drained(1);
  Post([&] {
    for (const ModelId& id : operation.replaceable) Drain(id);
    Publish();
    drained.count_down();
  });
  drained.wait();
}

void Manager::LoadEnded(const OperationPtr& operation, const std::shared_ptr<Loader>& loader,
                        const Status& status, std::chrono::nanoseconds duration) {
  const ModelId& id = loader->id();
  ModelEvent event{
      .kind = ModelEvent::Kind::kLoadFailed, .id = id, .status = status, .duration = duration};
  if (status.ok()) {
    event.kind = ModelEvent::Kind::kReady;
    event.estimated_bytes = loader->handle()->estimated_bytes();
    event.digest = loader->handle()->digest();
    retries_.Succeeded(id);
    const std::shared_ptr<Loader> replaced = table_.Install(loader, duration);
    unpublished_ = true;
    if (operation->pending > 1) Publish();  // the last one is published by Commit()
    if (replaced != nullptr) {
      replaced->Drain();
      Emit({.kind = ModelEvent::Kind::kDraining, .id = id});
    }
  } else {
    table_.FailLoad(id, status, duration);
    if (operation->kind == Operation::Kind::kApply) {
      const base::SteadyTime now = services_.clock.SteadyNow();
      retries_.Failed(id, loader->version(), status, now);
      // What came back between the refusal and now would else be noticed by nobody.
      if (operation->unloads_seen != unloads_seen_) retries_.MemoryFreed(now);
    }
    if (operation->failure.ok()) operation->failure = status;
  }
  Emit(event);
  if (--operation->pending == 0) Commit(operation);
}

void Manager::Commit(const OperationPtr& operation) {
  const std::vector<int64_t> ready = table_.ReadyVersions(operation->name());
  for (const int64_t version : VersionsToDrain(operation->available, operation->desired, ready)) {
    Drain({.name = operation->name(), .version = version});
  }
  Publish();
  Finish(operation, operation->failure);
}

void Manager::Finish(const OperationPtr& operation, const Status& status) {
  if (operation->done) operation->done(status);
  const std::string name = operation->name();
  lanes_[name].running.reset();
  Post([this, name] {
    if (lanes_[name].running == nullptr) StartNext(name);
  });
  CountOperation(-1);
}

void Manager::Drain(const ModelId& id) {
  const std::shared_ptr<Loader> loader = table_.Remove(id);
  if (loader == nullptr) return;
  unpublished_ = true;
  loader->Drain();
  Emit({.kind = ModelEvent::Kind::kDraining, .id = id});
}

// On the unload queue.
void Manager::ReportUnloaded(const ModelId& id) {
  if (services_.observer != nullptr) services_.observer->OnUnloaded(id);
  Post([this, id] { Unloaded(id); });
}

void Manager::Unloaded(const ModelId& id) {
  ++unloads_seen_;
  table_.Unloaded(id);
  retries_.MemoryFreed(services_.clock.SteadyNow());
  Emit({.kind = ModelEvent::Kind::kUnloaded, .id = id});
  const std::lock_guard lock(idle_mutex_);
  idle_.notify_all();
}

void Manager::Publish() {
  if (std::exchange(unpublished_, false)) services_.publisher.Publish(table_.MakeSnapshot());
}

void Manager::Emit(const ModelEvent& event) {
  const auto load_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(event.duration).count();
  switch (event.kind) {
    case ModelEvent::Kind::kReady:
      services_.log.Info("version ready", {{"model", event.id.name},
                                           {"version", event.id.version},
                                           {"load_ms", load_ms},
                                           {"estimated_bytes", event.estimated_bytes},
                                           {"digest", event.digest}});
      break;
    case ModelEvent::Kind::kLoadFailed:
      services_.log.Error("version failed to load", {{"model", event.id.name},
                                                     {"version", event.id.version},
                                                     {"load_ms", load_ms},
                                                     {"reason", event.status.message()}});
      break;
    case ModelEvent::Kind::kUnloaded:
      services_.log.Info("version unloaded",
                         {{"model", event.id.name}, {"version", event.id.version}});
      break;
    case ModelEvent::Kind::kLoadStarted:
    case ModelEvent::Kind::kDraining:
      services_.log.Debug(
          event.kind == ModelEvent::Kind::kDraining ? "version drains" : "version loads",
          {{"model", event.id.name}, {"version", event.id.version}});
      break;
  }
  if (services_.listener) services_.listener(event);
}

}  // namespace slipway::lifecycle

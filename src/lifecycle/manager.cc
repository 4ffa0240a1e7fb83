#include "lifecycle/manager.h"

#include <algorithm>
#include <latch>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "lifecycle/manager_operation.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr std::chrono::milliseconds kRetryTick{500};
constexpr int kNice = 10;  // of everything that takes processor time beside the requests

bool SameModel(const SourceModel& a, const SourceModel& b) {
  return std::ranges::equal(a.versions, b.versions, SameVersion);
}

}  // namespace

Status ManagerOptions::Validate() const {
  if (load_threads == 0 || load_threads > 64) {
    return base::InvalidArgument(StrCat("load_threads: expected 1 to 64, got ", load_threads));
  }
  if (default_policy.kind == VersionPolicy::Kind::kLatest && default_policy.count == 0) {
    return base::InvalidArgument("default_policy: expected at least 1 version");
  }
  if (mode == ControlMode::kWatch && !load.all && load.names.empty()) {
    return base::InvalidArgument(
        "load: expected 'all' or names, got 'none': a server that follows its model repository "
        "(--control watch) would never serve anything; use --control explicit");
  }
  return OkStatus();
}

Manager::Manager(const Services& services, ManagerOptions options)
    : services_(services),
      options_(std::move(options)),
      table_(services_.clock),
      memory_(options_.memory_budget_bytes != 0 ? options_.memory_budget_bytes
                                                : DefaultMemoryBudget(services_.fs)),
      unloads_(std::make_shared<UnloadQueue>()),
      retries_(options_.retry),
      control_(std::make_unique<base::ThreadPool>(
          base::ThreadPool::Options{.name = "lifecycle", .threads = 1, .nice = 0})),
      scans_(std::make_unique<base::ThreadPool>(
          base::ThreadPool::Options{.name = "scan", .threads = 1, .nice = kNice})),
      observing_(std::make_unique<base::ThreadPool>(
          base::ThreadPool::Options{.name = "observe", .threads = 1, .nice = 0})),
      loads_(std::make_unique<base::ThreadPool>(base::ThreadPool::Options{
          .name = "load", .threads = options_.load_threads, .nice = kNice})) {
  SLIPWAY_CHECK(options_.Validate().ok());
}

Manager::~Manager() {
  stopping_ = true;
  memory_.StopWaiting();
  watcher_.reset();
  retry_thread_ = std::jthread();
  // What was asked for before now has begun once the control thread comes to this.
  std::latch begun(1);
  Post([&] { begun.count_down(); });
  begun.wait();
  {
    std::unique_lock lock(idle_mutex_);
    idle_.wait(lock, [this] { return operations_ == 0; });
  }
  Post([this] {
    for (const ModelId& id : table_.Ready()) Drain(id);
    Publish();
  });
  bool all_gone = false;
  {
    std::unique_lock lock(idle_mutex_);
    all_gone = idle_.wait_for(lock, options_.shutdown_wait, [this] { return table_.live() == 0; });
  }
  if (!all_gone) {
    services_.log.Error("models are still in use at shutdown", {{"models", table_.live()}});
  }
  unloads_->Close();
  loads_.reset();
  observing_.reset();
  scans_.reset();
  control_.reset();
}

Status Manager::Start() {
  Result<SourceListing> listing = services_.source.List();
  if (!listing.ok()) return listing.status();
  if (options_.mode == ControlMode::kExplicit) {
    auto shared = std::make_shared<SourceListing>(*std::move(listing));
    Post([this, shared] { StartInitialLoads(*shared); });
    return OkStatus();
  }
  watcher_ = std::make_unique<RepositoryWatcher>(
      services_.source, services_.clock, services_.log, options_.watch, [this](SourceListing seen) {
        auto shared = std::make_shared<SourceListing>(std::move(seen));
        Post([this, shared] { ApplyListing(std::move(*shared)); });
      });
  retry_thread_ = std::jthread([this](const std::stop_token& stop) {
    base::SetThreadName("retry");
    while (services_.clock.SleepFor(kRetryTick, stop)) Post([this] { RunDueRetries(); });
  });
  return OkStatus();
}

void Manager::Load(LoadRequest request, Done done) {
  if (options_.mode == ControlMode::kWatch) return Refuse(done, request.name, "load");
  auto operation = std::make_shared<Operation>();
  operation->kind = Operation::Kind::kLoad;
  operation->request = std::move(request);
  operation->done = std::move(done);
  Post([this, operation] { Enqueue(operation); });
}

void Manager::Unload(std::string name, Done done) {
  if (options_.mode == ControlMode::kWatch) return Refuse(done, name, "unload");
  auto operation = std::make_shared<Operation>();
  operation->kind = Operation::Kind::kUnload;
  operation->request.name = std::move(name);
  operation->done = std::move(done);
  Post([this, operation] { Enqueue(operation); });
}

void Manager::ConfigsChanged() {
  if (watcher_ != nullptr) watcher_->LookAgain();
}

void Manager::Refuse(const Done& done, const std::string& name, std::string_view verb) {
  const Status status = base::Unavailable(
      StrCat("cannot ", verb, " model '", name,
             "' by request: the server follows its model repository; start it with --control "
             "explicit to load and unload by request"));
  Post([done, status] {
    if (done) done(status);
  });
}

void Manager::RefreshIndex(std::function<void(Result<std::vector<ModelStatus>>)> done) {
  CountOperation(1);
  scans_->Post([this, done = std::move(done)] {
    auto listing = std::make_shared<Result<SourceListing>>(services_.source.List());
    Post([this, listing, done] {
      if (listing->ok()) NoteListing(**listing);
      done(listing->ok() ? Result(Index()) : listing->status());
      CountOperation(-1);
    });
  });
}

InitialLoads Manager::initial_loads() const {
  const std::lock_guard lock(initial_mutex_);
  return initial_;
}

void Manager::StartInitialLoads(const SourceListing& listing) {
  NoteListing(listing);
  std::set<std::string> names = options_.load.all ? std::set<std::string>() : options_.load.names;
  for (const SourceModel& model : listing.models) {
    // A stray directory is noted, but no reason to call the start a failure.
    if (options_.load.all && !model.versions.empty()) names.insert(model.name);
  }
  for (const std::string& name : names) {
    auto operation = std::make_shared<Operation>();
    operation->kind = Operation::Kind::kLoad;
    operation->request.name = name;
    operation->done = InitialDone(name);
    Enqueue(std::move(operation));
  }
  CloseInitial();
}

// Expects one more initial load; what it returns ends it.
Manager::Done Manager::InitialDone(const std::string& name) {
  {
    const std::lock_guard lock(initial_mutex_);
    ++initial_pending_;
  }
  return [this, name](const Status& status) {
    const std::lock_guard lock(initial_mutex_);
    if (!status.ok()) initial_.failed.push_back({.model = name, .status = status});
    initial_.done = --initial_pending_ == 0;
  };
}

void Manager::CloseInitial() {
  initial_open_ = false;
  const std::lock_guard lock(initial_mutex_);
  initial_.done = --initial_pending_ == 0;
}

void Manager::ApplyListing(SourceListing listing) {
  NoteListing(listing);
  std::erase_if(listing.models, [this](const SourceModel& model) { return !Selected(model); });
  std::set<std::string> there;
  for (const SourceModel& model : listing.models) there.insert(model.name);
  for (const auto& [name, model] : aspired_) {
    if (!there.contains(name)) listing.models.push_back({.name = name});
  }
  for (SourceModel& model : listing.models) Aspire(std::move(model));
  if (!initial_open_ || !listing.settled) return;
  for (const std::string& name : options_.load.names) {
    if (there.contains(name)) continue;
    InitialDone(name)(base::NotFound(StrCat("model '", name, "' is not in the model repository")));
  }
  CloseInitial();
}

void Manager::Aspire(SourceModel model) {
  const auto before = aspired_.find(model.name);
  const bool known = before != aspired_.end();
  if (known ? SameModel(before->second, model) : model.versions.empty()) return;
  auto operation = std::make_shared<Operation>();
  operation->kind = Operation::Kind::kApply;
  operation->request.name = model.name;
  operation->model = model;
  if (initial_open_) operation->done = InitialDone(model.name);
  if (model.versions.empty()) {
    aspired_.erase(before);
  } else {
    aspired_[model.name] = std::move(model);
  }
  Enqueue(std::move(operation));
}

void Manager::RunDueRetries() {
  for (const ModelId& id : retries_.TakeDue(services_.clock.SteadyNow())) {
    const auto model = aspired_.find(id.name);
    if (model == aspired_.end()) continue;
    auto operation = std::make_shared<Operation>();
    operation->kind = Operation::Kind::kApply;
    operation->request.name = id.name;
    operation->model = model->second;
    operation->retry = {id.version};
    Enqueue(std::move(operation));
  }
}

void Manager::NoteListing(const SourceListing& listing) {
  std::set<std::string> names;
  std::set<std::string> notes(listing.notes.begin(), listing.notes.end());
  for (const SourceModel& model : listing.models) {
    names.insert(model.name);
    notes.insert(model.notes.begin(), model.notes.end());
  }
  table_.SetRepository(std::move(names));
  for (const std::string& note : notes) {
    if (!logged_notes_.contains(note)) {
      services_.log.Warn("model repository", {{"note", note}});
    }
  }
  logged_notes_ = std::move(notes);  // a note that comes back later is news again
}

bool Manager::Selected(const SourceModel& model) const {
  return options_.load.all || options_.load.names.contains(model.name);
}

void Manager::CountOperation(int change) {
  const std::lock_guard lock(idle_mutex_);
  operations_ += change;
  idle_.notify_all();
}

}  // namespace slipway::lifecycle

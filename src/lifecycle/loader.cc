#include "lifecycle/loader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "lifecycle/labels.h"

namespace slipway::lifecycle {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;

struct Loader::Progress {
  std::atomic<State> state = State::kNew;
  MemoryBudget::Reservation memory;
  std::function<void()> on_unloaded;
};

class Loader::ServingModel final : public LoadedModel {
 public:
  explicit ServingModel(ModelId id) : id_(std::move(id)) {}

  const ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return *engine_; }
  const ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  bool from_request() const override { return from_request_; }
  ModelAttachment* attachment() const override { return attachment_.get(); }
  uint64_t estimated_bytes() const override { return estimated_bytes_; }

 private:
  friend class Loader;
  const ModelId id_;
  ModelConfig config_;
  std::string digest_;
  std::string model_file_;
  bool from_request_ = false;
  uint64_t estimated_bytes_ = 0;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<ModelAttachment> attachment_;  // last: it may refer to all above
};

Loader::Loader(ModelId id, AvailableVersion version, Services services,
               std::function<void()> on_unloaded)
    : id_(std::move(id)),
      version_(std::move(version)),
      services_(std::move(services)),
      progress_(std::make_shared<Progress>()) {
  progress_->on_unloaded = std::move(on_unloaded);
}

Loader::~Loader() {
  if (state() == State::kReady) Drain();
}

Loader::State Loader::state() const { return progress_->state.load(); }

Result<uint64_t> Loader::EstimateBytes() const {
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t engine, services_.factory.EstimateBytes(version_.files));
  const uint64_t most = std::numeric_limits<uint64_t>::max() - engine;
  return engine + std::min(version_.config.reserve_bytes, most);
}

Status Loader::Load(MemoryBudget::Reservation memory) {
  SLIPWAY_CHECK(progress_->state.exchange(State::kLoading) == State::kNew);
  progress_->memory = std::move(memory);
  std::unique_ptr<ServingModel> model;
  Status status = LoadModel(model);
  version_.files.in_memory.reset();  // the engine has its own copy
  if (!status.ok()) {
    model.reset();
    progress_->memory.Release();
    progress_->state = State::kFailed;
    return status;
  }
  auto destroy = [progress = progress_, unloads = services_.unloads](const LoadedModel* loaded) {
    unloads->Post(
        [progress, loaded] {
          delete loaded;  // NOLINT(cppcoreguidelines-owning-memory): the handle's deleter
          progress->memory.Release();
          progress->state = State::kUnloaded;
        },
        [progress] {
          if (progress->on_unloaded) progress->on_unloaded();
        });
  };
  handle_ = ModelHandle(model.release(), std::move(destroy));
  progress_->state = State::kReady;
  return OkStatus();
}

Status Loader::LoadModel(std::unique_ptr<ServingModel>& model) {
  ModelStamps stamps;
  if (version_.files.in_memory == nullptr) {
    SLIPWAY_ASSIGN_OR_RETURN(stamps, StampFiles(services_.fs, version_.files, version_.scope));
  }
  model = std::make_unique<ServingModel>(id_);
  model->config_ = version_.config;
  model->model_file_ = version_.files.model_file;
  model->from_request_ = version_.files.in_memory != nullptr;
  SLIPWAY_ASSIGN_OR_RETURN(model->digest_, DigestFiles(version_.files, stamps.files));
  SLIPWAY_ASSIGN_OR_RETURN(model->engine_,
                           services_.factory.Load(version_.files, version_.config.engine));
  if (version_.files.in_memory == nullptr) SLIPWAY_RETURN_IF_ERROR(CheckUnchanged(stamps));
  SLIPWAY_RETURN_IF_ERROR(ReserveStates(*model));
  model->estimated_bytes_ = progress_->memory.bytes();
  model->config_.labels =
      ResolveLabels(std::move(model->config_.labels), model->engine_->signature());
  return Prepare(*model, stamps);
}

Status Loader::CheckUnchanged(const ModelStamps& before) const {
  const Result<ModelStamps> after = StampFiles(services_.fs, version_.files, version_.scope);
  if (after.ok() && after->All() == before.All()) return OkStatus();
  return {StatusCode::kAborted,
          "its files changed while it was loaded: write a new version beside the old and rename it "
          "into place, then load again"};
}

// How large a state is, the model says once it is loaded.
Status Loader::ReserveStates(const ServingModel& model) const {
  uint64_t row = 0;
  for (const tensor::Tensor& state : model.engine_->start_states()) {
    row += state.view().data().size();
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(row, model.config_.max_sequences, &bytes)) {
    bytes = std::numeric_limits<uint64_t>::max();
  }
  Status grown = progress_->memory.Grow(bytes);
  if (grown.ok()) return grown;
  return grown.WithContext(StrCat("the states of ", model.config_.max_sequences, " sequences"));
}

// Warm-up, and the observer's part.
Status Loader::Prepare(ServingModel& model, const ModelStamps& stamps) const {
  SLIPWAY_RETURN_IF_ERROR(WarmUpModel(model));
  if (services_.observer == nullptr) return OkStatus();
  SLIPWAY_RETURN_IF_ERROR(LoadBetter(model, stamps));
  Status status;
  OnObserver([&](ModelObserver& observer) {
    Result<std::unique_ptr<ModelAttachment>> attachment = observer.OnLoaded(model);
    status = attachment.status();
    if (attachment.ok()) model.attachment_ = *std::move(attachment);
  });
  return status;
}

Status Loader::WarmUpModel(const ServingModel& model) const {
  if (model.config_.warmup_runs == 0) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<WarmupCase> cases,
                           services_.warmup.Cases(version_, model.engine_->signature()));
  Status refusal;
  SLIPWAY_RETURN_IF_ERROR(WarmUp(*model.engine_, cases, model.config_.warmup_runs,
                                 services_.warmup_limit, services_.clock, refusal));
  const auto recorded = std::ranges::count(cases, false, &WarmupCase::synthetic);
  if (recorded > 0) {
    services_.log.Info("model warmed up with recorded requests",
                       {{"model", id_.name}, {"version", id_.version}, {"requests", recorded}});
  }
  if (!refusal.ok()) {
    services_.log.Info(
        "model refuses made-up inputs, so it is not warmed up",
        {{"model", id_.name}, {"version", id_.version}, {"reason", refusal.message()}});
  }
  return OkStatus();
}

// Loads the engine with the options that the observer wants, and once more when it takes them back.
// The old engine goes first: there is memory for one. Nobody has asked for those options, so a
// model that does not load with them gets back what it had.
Status Loader::LoadBetter(ServingModel& model, const ModelStamps& stamps) const {
  for (int i = 0; i < 2; ++i) {
    std::optional<engine::EngineOptions> better;
    OnObserver([&](ModelObserver& observer) { better = observer.BetterOptions(model); });
    if (!better) return OkStatus();
    model.engine_.reset();
    Result<std::unique_ptr<engine::Engine>> loaded =
        services_.factory.Load(version_.files, *better);
    if (loaded.ok()) {
      model.config_.engine = *std::move(better);
    } else {
      services_.log.Warn(
          "a model does not load with the options that would suit it",
          {{"model", id_.name}, {"version", id_.version}, {"error", loaded.status().ToString()}});
      loaded = services_.factory.Load(version_.files, model.config_.engine);
    }
    SLIPWAY_ASSIGN_OR_RETURN(model.engine_, std::move(loaded));
    if (version_.files.in_memory == nullptr) SLIPWAY_RETURN_IF_ERROR(CheckUnchanged(stamps));
    SLIPWAY_RETURN_IF_ERROR(WarmUpModel(model));
  }
  return OkStatus();
}

// Where observers are called, see Services.
void Loader::OnObserver(const std::function<void(ModelObserver& observer)>& call) const {
  std::latch done(1);
  services_.observing.Post([&] {
    call(*services_.observer);
    done.count_down();
  });
  done.wait();
}

void Loader::Drain() {
  SLIPWAY_CHECK(progress_->state.exchange(State::kDraining) == State::kReady);
  progress_->memory.MarkLeaving();
  handle_.reset();
}

std::ostream& operator<<(std::ostream& out, Loader::State state) {
  constexpr std::array<std::string_view, 6> kNames = {"new",      "loading",  "ready",
                                                      "draining", "unloaded", "failed"};
  return out << kNames[static_cast<size_t>(state)];
}

}  // namespace slipway::lifecycle

#include "inference/dispatcher.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::inference {
namespace {

using base::StrCat;

constexpr size_t kMaxListed = 8;
constexpr uint64_t kDecodedAnyway = 16;  // one call of so many

std::string ModelNames(const lifecycle::Snapshot& snapshot) {
  if (snapshot.models().empty()) return "no model is ready";
  std::string names = "ready models: ";
  size_t listed = 0;
  for (const auto& model : snapshot.models()) {
    if (listed > 0) names.append(", ");
    if (listed++ == kMaxListed) {
      return names.append(StrCat("and ", snapshot.models().size() - kMaxListed, " more"));
    }
    names.append("'").append(model.name).append("'");
  }
  return names;
}

std::string Versions(const lifecycle::Snapshot::Model& model) {
  std::string versions;
  size_t listed = 0;
  for (const auto& version : model.versions) {
    if (listed > 0) versions.append(", ");
    if (listed++ == kMaxListed) return versions.append("...");
    versions.append(StrCat(version->id().version));
  }
  return versions;
}

}  // namespace

Dispatcher::Dispatcher(lifecycle::SnapshotPublisher& publisher, base::Executor& loop,
                       base::Clock& clock, size_t shard)
    : loop_(loop),
      clock_(clock),
      shard_(shard),
      round_(loop, clock),
      cached_(loop, clock, shard, outstanding_,
              [this](InferCall& call, ModelRuntime& runtime) { RunIfAdmitted(call, runtime); }),
      sequences_(loop, clock, shard, outstanding_,
                 [this](InferCall& call, ModelRuntime& runtime) { RunIfAdmitted(call, runtime); }),
      reader_(publisher, [this] { loop_.Post([this] { reader_.Refresh(); }); }) {}

base::Status Dispatcher::Resolve(std::string_view name, std::optional<int64_t> version,
                                 InferCall& call) {
  const lifecycle::Snapshot& snapshot = reader_.Get();
  const lifecycle::Snapshot::Model* model = snapshot.Find(name);
  if (model == nullptr) {
    return base::NotFound(StrCat("model '", base::Printable(name), "': not found or not ready; ",
                                 ModelNames(snapshot)));
  }
  call.any_version_ = !version.has_value();
  if (!version) {
    call.model = &model->latest();
    return base::OkStatus();
  }
  for (const lifecycle::ModelHandle& candidate : model->versions) {
    if (candidate->id().version == *version) {
      call.model = candidate.get();
      return base::OkStatus();
    }
  }
  return base::NotFound(StrCat("model '", name, "': version ", *version,
                               " is not ready; ready versions: ", Versions(*model)));
}

base::Status Dispatcher::Admit(InferCall& call) {
  ModelRuntime& runtime = ModelRuntime::Of(*call.model);
  if (runtime.cache() != nullptr) return base::OkStatus();
  if (runtime.overflow_model().empty() && MayHavePriority(runtime)) return AdmitByBreaker(runtime);
  base::Status admitted = AdmitRun(call, runtime);
  if (admitted.code() == base::StatusCode::kResourceExhausted && Divert(call, runtime)) {
    return base::OkStatus();
  }
  return admitted;
}

// Whether a queue should be asked when the call is decoded: because calls of its model have had a
// priority, or to find out whether they have. When everything is refused undecoded, nobody learns.
bool Dispatcher::MayHavePriority(ModelRuntime& runtime) {
  return runtime.queue().knows_priorities() || ++admissions_ % kDecodedAnyway == 0;
}

bool Dispatcher::Divert(InferCall& call, ModelRuntime& runtime) {
  if (runtime.overflow_model().empty() || !call.any_version_) return false;
  call.keep_alive_ = call.model->shared_from_this();  // the snapshot may be a newer one
  const lifecycle::Snapshot::Model* other = reader_.Get().Find(runtime.overflow_model());
  if (other == nullptr) return false;
  const lifecycle::LoadedModel& stand_in = other->latest();
  ModelRuntime& its_runtime = ModelRuntime::Of(stand_in);
  if (&its_runtime == &runtime || its_runtime.sequences() != nullptr ||
      !stand_in.engine().signature().CanStandInFor(call.model->engine().signature()) ||
      !AdmitRun(call, its_runtime).ok()) {
    return false;
  }
  runtime.stats().RecordDiverted(shard_);
  call.diverted_from = call.model->id().name;
  call.model = &stand_in;
  call.keep_alive_.reset();
  return true;
}

base::Status Dispatcher::AdmitRun(const InferCall& call, ModelRuntime& runtime) const {
  SLIPWAY_RETURN_IF_ERROR(AdmitByBreaker(runtime));
  if (runtime.LaneFor(1) != LaneKind::kQueue) return base::OkStatus();
  return runtime.queue().Admit(call);
}

base::Status Dispatcher::AdmitByBreaker(ModelRuntime& runtime) const {
  return runtime.breaker().open() ? runtime.breaker().Admit(clock_.SteadyNow()) : base::OkStatus();
}

void Dispatcher::Submit(InferCall& call) {
  ModelRuntime& runtime = ModelRuntime::Of(*call.model);
  if (runtime.cache() != nullptr) {
    cached_.Submit(call, runtime);
  } else if (runtime.sequences() != nullptr) {
    sequences_.Submit(call, runtime);
  } else {
    Run(call, runtime);
  }
}

void Dispatcher::RunIfAdmitted(InferCall& call, ModelRuntime& runtime) {
  base::Status admitted = AdmitRun(call, runtime);
  if (admitted.ok()) {
    Run(call, runtime);
  } else {
    Refuse(call, std::move(admitted));
  }
}

void Dispatcher::Run(InferCall& call, ModelRuntime& runtime) {
  const LaneKind lane = runtime.LaneFor(call.rows);
  if (lane == LaneKind::kRound && BatchRun::Fits(call)) {
    round_.Add(call, runtime);
  } else if (lane == LaneKind::kQueue) {
    Enqueue(call, runtime);
  } else {
    RunInline(call, runtime);
  }
}

void Dispatcher::Enqueue(InferCall& call, ModelRuntime& runtime) {
  outstanding_.fetch_add(1, std::memory_order_relaxed);
  base::Status queued = runtime.queue().Enqueue(call, call.model->shared_from_this(),
                                                {.loop = &loop_, .outstanding = &outstanding_});
  if (!queued.ok()) {
    outstanding_.fetch_sub(1, std::memory_order_relaxed);
    Refuse(call, std::move(queued));
  }
}

void Dispatcher::Refuse(InferCall& call, base::Status status) {
  call.status = std::move(status);
  call.infer_begin = call.infer_end = clock_.SteadyNow();
  call.Finish();
}

void Dispatcher::RunInline(InferCall& call, ModelRuntime& runtime) {
  call.infer_begin = clock_.SteadyNow();
  if (!RefuseStale(call, call.infer_begin)) {
    call.status = call.model->engine().Run(call.inputs, call.outputs, call.deadline, call.results);
    call.infer_end = clock_.SteadyNow();
    call.executed_rows = call.rows;
    runtime.NoteInlineRun(call.infer_end - call.infer_begin);
  }
  call.Finish();
}

void Dispatcher::WaitIdle() {
  cached_.Withdraw();
  sequences_.Withdraw();
  for (size_t left = outstanding_.load(std::memory_order_acquire); left > 0;
       left = outstanding_.load(std::memory_order_acquire)) {
    outstanding_.wait(left);
  }
}

void Dispatcher::RecordExecution(const InferCall& call) {
  if (call.executed_rows == 0) return;
  ModelRuntime::Of(*call.model).breaker().Note(call.status, call.infer_end);
  stats(call).RecordExecution(shard_, call.executed_rows, call.infer_end - call.infer_begin);
}

monitor::ModelStats& Dispatcher::stats(const InferCall& call) {
  return ModelRuntime::Of(*call.model).stats();
}

}  // namespace slipway::inference

#include "engine/process/process_engine.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/str_cat.h"
#include "engine/call_checks.h"

namespace slipway::engine {

using base::Result;
using base::Status;
using namespace std::chrono_literals;

namespace {

constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 30s;

bool SameSpecs(const std::vector<tensor::TensorSpec>& one,
               const std::vector<tensor::TensorSpec>& other) {
  return std::ranges::equal(one, other, [](const auto& a, const auto& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape;
  });
}

}  // namespace

bool SameSignature(const tensor::Signature& one, const tensor::Signature& other) {
  return SameSpecs(one.inputs, other.inputs) && SameSpecs(one.outputs, other.outputs);
}

ProcessEngine::ProcessEngine(Source source, const LaunchWorker& launch, base::Clock& clock,
                             base::Logger& log, std::unique_ptr<WorkerProcess> worker)
    : source_(std::move(source)),
      launch_(launch),
      clock_(clock),
      log_(log),
      signature_(worker->signature()),
      worker_(std::move(worker)),
      started_(clock.SteadyNow()) {}

Status ProcessEngine::Run(std::span<const tensor::TensorView> inputs,
                          std::span<const size_t> outputs, base::Deadline deadline,
                          std::vector<tensor::Tensor>& results) {
  results.clear();
  try {
    SLIPWAY_RETURN_IF_ERROR(CheckInputs(signature_, inputs));
    SLIPWAY_RETURN_IF_ERROR(CheckOutputs(signature_, outputs));
    if (outputs.empty()) return base::OkStatus();
    SLIPWAY_ASSIGN_OR_RETURN(const std::shared_ptr<WorkerProcess> worker, LivingWorker());
    Status status = worker->Run(inputs, outputs, deadline, results);
    if (!status.ok()) {
      results.clear();
      BuryTheDead();
    }
    return status;
  } catch (const std::bad_alloc&) {
    results.clear();
    return base::ResourceExhausted("no memory for the inputs and outputs of the model");
  }
}

void ProcessEngine::BuryTheDead() {
  std::shared_ptr<WorkerProcess> dead;  // ended without the lock
  const std::lock_guard lock(mutex_);
  if (worker_ == nullptr || worker_->alive()) return;
  if (clock_.SteadyNow() - started_ > kLongestPause) pause_ = 0ms;
  dead = std::exchange(worker_, nullptr);
}

Result<std::shared_ptr<WorkerProcess>> ProcessEngine::LivingWorker() {
  BuryTheDead();
  {
    const std::lock_guard lock(mutex_);
    if (worker_ != nullptr) return worker_;
    const base::SteadyTime now = clock_.SteadyNow();
    if (starting_ || now < not_before_) {
      return base::Unavailable(
          "the model's worker process has died and is being started again: send the request again "
          "in a moment");
    }
    starting_ = true;
    pause_ = std::clamp<std::chrono::milliseconds>(pause_ * 2, kFirstPause, kLongestPause);
    not_before_ = now + pause_;
  }
  auto started = StartAgain();
  const std::lock_guard lock(mutex_);
  starting_ = false;
  if (started.ok()) {
    worker_ = *started;
    started_ = clock_.SteadyNow();
    ++restarts_;
  }
  return started;
}

Result<std::shared_ptr<WorkerProcess>> ProcessEngine::StartAgain() {
  auto worker = WorkerProcess::Start(launch_, source_.process, source_.files, source_.options);
  Status status = worker.status();
  if (status.ok() && !SameSignature((*worker)->signature(), signature_)) {
    status = base::FailedPrecondition("the model's files have changed: load it again");
  }
  if (!status.ok()) {
    log_.Error("worker process does not start again",
               {{"model_file", source_.files.model_file}, {"error", status.message()}});
    return base::Unavailable(
        base::StrCat("the model's worker process does not start again: ", status.message()));
  }
  log_.Warn("worker process has died and is started again",
            {{"model_file", source_.files.model_file}, {"pid", (*worker)->pid()}});
  return std::shared_ptr<WorkerProcess>(*std::move(worker));
}

}  // namespace slipway::engine

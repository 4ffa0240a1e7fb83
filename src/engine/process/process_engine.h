#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/process/worker_process.h"

namespace slipway::engine {

// An Engine whose model runs in a process of its own. When that dies, runs fail with kUnavailable,
// and it is started anew: at the next run, then after a pause that doubles up to half a minute
// while it keeps dying. One that lived for longer than that begins with the first pause again.
//
// Thread-safe, as engines are. `launch`, `clock` and `log` must outlive it.
class ProcessEngine final : public Engine {
 public:
  struct Source {
    ModelFiles files = {};
    EngineOptions options = {};
    WorkerProcess::Options process = {};
  };

  ProcessEngine(Source source, const LaunchWorker& launch, base::Clock& clock, base::Logger& log,
                std::unique_ptr<WorkerProcess> worker);

  const tensor::Signature& signature() const override { return signature_; }
  // A run crosses to another process and back: it never belongs on a thread that serves
  // connections.
  bool unbounded_run_time() const override { return true; }
  std::optional<uint64_t> restarts() const override { return restarts_; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;

 private:
  // Lets go of a worker that has died, and of the pauses if it had lived long.
  void BuryTheDead();
  base::Result<std::shared_ptr<WorkerProcess>> LivingWorker();
  base::Result<std::shared_ptr<WorkerProcess>> StartAgain();

  const Source source_;
  const LaunchWorker& launch_;
  base::Clock& clock_;
  base::Logger& log_;
  const tensor::Signature signature_;
  std::atomic<uint64_t> restarts_ = 0;
  std::mutex mutex_;
  std::shared_ptr<WorkerProcess> worker_;  // under mutex_; null once it was found dead
  bool starting_ = false;                  // under mutex_
  base::SteadyTime started_;               // under mutex_: when worker_ was ready
  base::SteadyTime not_before_{};          // under mutex_: of the next start
  std::chrono::milliseconds pause_{0};     // under mutex_: before the start after that
};

// Whether two signatures name the same inputs and outputs of the same kinds.
bool SameSignature(const tensor::Signature& one, const tensor::Signature& other);

}  // namespace slipway::engine

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/process/worker_process.h"

namespace slipway::engine {

// Loads models whose options ask for a process of their own into one; all others, and every
// estimate, are the factory's below. A model in its own process cannot take the server down: one
// that crashes, spins or takes more memory than it may is ended and started again.
//
// Thread-safe. Owns `inner`. `clock` and `log` must outlive the factory and all engines.
class ProcessFactory final : public EngineFactory {
 public:
  // `launch` starts a process that calls RunWorker() with a factory like `inner`.
  ProcessFactory(std::unique_ptr<EngineFactory> inner, LaunchWorker launch, base::Clock& clock,
                 base::Logger& log)
      : inner_(std::move(inner)), launch_(std::move(launch)), clock_(clock), log_(log) {}

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override;
  base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const override {
    return inner_->EstimateBytes(files);
  }
  std::string name() const override { return inner_->name(); }
  std::string version() const override { return inner_->version(); }
  std::vector<std::string> providers() const override { return inner_->providers(); }

 private:
  const std::unique_ptr<EngineFactory> inner_;
  const LaunchWorker launch_;
  base::Clock& clock_;
  base::Logger& log_;
};

}  // namespace slipway::engine

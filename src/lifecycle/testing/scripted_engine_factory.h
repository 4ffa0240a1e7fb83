#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace slipway::lifecycle {

// An EngineFactory whose "model files" are scripts: words separated by blanks.
//
//   fail=CODE   Load() fails with that code ("INVALID_ARGUMENT", "UNAVAILABLE", ...)
//   run=CODE    each Run() fails with that code
//   bytes=N     the estimate; 1000 when not given
//   one_thread  Load() fails unless intra_op_threads is 1
//   wait        Load() waits for Open()
//
// Other words mean nothing, and make digests differ. Engines have one input and one output "x",
// FP32[-1,2], and copy. Thread-safe.
class ScriptedEngineFactory final : public engine::EngineFactory {
 public:
  base::Result<std::unique_ptr<engine::Engine>> Load(
      const engine::ModelFiles& files, const engine::EngineOptions& options) const override;
  base::Result<uint64_t> EstimateBytes(const engine::ModelFiles& files) const override;
  std::string name() const override { return "scripted"; }
  std::string version() const override { return "1"; }
  std::vector<std::string> providers() const override { return {"cpu"}; }

  // Lets those that wait load, and those to come.
  void Open();
  // Blocks until a load waits for Open().
  void AwaitWaiting() const;

  int live() const { return *live_; }   // engines that exist
  int loads() const { return loads_; }  // calls of Load()

 private:
  mutable std::mutex mutex_;  // guards open_ and waiting_
  mutable std::condition_variable changed_;
  bool open_ = false;
  mutable int waiting_ = 0;
  mutable std::atomic<int> loads_ = 0;
  const std::shared_ptr<std::atomic<int>> live_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace slipway::lifecycle

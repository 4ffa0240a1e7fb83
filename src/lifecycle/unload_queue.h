#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/executor.h"

namespace slipway::lifecycle {

// Where models are destroyed: a thread of low priority, so that no request thread pays for giving
// memory back, whichever of them drops the last handle.
//
// Thread-safe. Shared by the manager and each loaded model, which may outlive it: after Close(),
// what comes runs on the thread that brings it.
class UnloadQueue {
 public:
  UnloadQueue();
  ~UnloadQueue();

  // Runs `work` once, then `report` unless the queue was closed before.
  void Post(base::Executor::Work work, base::Executor::Work report);
  // Returns when everything posted before has run.
  void Close();

 private:
  std::mutex mutex_;                        // guards pool_, not what it does
  std::unique_ptr<base::ThreadPool> pool_;  // null when closed
};

}  // namespace slipway::lifecycle

#include "lifecycle/unload_queue.h"

#include <latch>
#include <utility>

namespace slipway::lifecycle {

UnloadQueue::UnloadQueue()
    : pool_(std::make_unique<base::ThreadPool>(
          base::ThreadPool::Options{.name = "unload", .threads = 1, .nice = 10})) {}

UnloadQueue::~UnloadQueue() { Close(); }

void UnloadQueue::Post(base::Executor::Work work, base::Executor::Work report) {
  {
    const std::lock_guard lock(mutex_);
    if (pool_ != nullptr) {
      pool_->Post([work = std::move(work), report = std::move(report)] {
        work();
        report();
      });
      return;
    }
  }
  work();
}

void UnloadQueue::Close() {
  std::unique_ptr<base::ThreadPool> pool;
  {
    const std::lock_guard lock(mutex_);
    pool.swap(pool_);
  }
  if (pool == nullptr) return;
  std::latch last(1);
  pool->Post([&last] { last.count_down(); });
  last.wait();
}

}  // namespace slipway::lifecycle

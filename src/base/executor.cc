#include "base/executor.h"

#include <pthread.h>
#include <sys/resource.h>

#include <utility>

#include "base/check.h"
#include "base/str_cat.h"

namespace slipway::base {

void SetThreadName(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

ThreadPool::ThreadPool(const Options& options) {
  SLIPWAY_CHECK(options.threads > 0);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back(
        [this, name = StrCat(options.name.substr(0, 12), "-", i), nice = options.nice] {
          SetThreadName(name);
          // On Linux the priority belongs to the thread. Failing to stand back is not worth an
          // error.
          if (nice != 0) setpriority(PRIO_PROCESS, 0, nice);
          RunLoop();
        });
  }
}

ThreadPool::~ThreadPool() {
  std::deque<Work> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

size_t ThreadPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void ThreadPool::RunLoop() {
  for (;;) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace slipway::base

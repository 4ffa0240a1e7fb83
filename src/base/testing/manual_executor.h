#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "base/executor.h"

namespace slipway::base {

// Keeps posted work until the test runs it, on its own thread: an event loop by hand.
//
// Post() is thread-safe; the rest is for one thread.
class ManualExecutor final : public Executor {
 public:
  void Post(Work work) override {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    posted_.notify_all();
  }

  // Runs one piece of work, and waits for it if there is none: 10 s at most, which is for machines
  // under load.
  void RunOne() {
    std::unique_lock lock(mutex_);
    SLIPWAY_CHECK(
        posted_.wait_for(lock, std::chrono::seconds(10), [this] { return !work_.empty(); }));
    RunNext(lock);
  }
  // Runs what comes until `condition` holds.
  void RunUntil(const std::function<bool()>& condition) {
    while (!condition()) RunOne();
  }
  // Runs what is there.
  void RunPosted() {
    for (std::unique_lock lock(mutex_); !work_.empty(); lock.lock()) RunNext(lock);
  }

 private:
  void RunNext(std::unique_lock<std::mutex>& lock) {
    const Work work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
  }

  std::mutex mutex_;  // guards work_
  std::condition_variable posted_;
  std::deque<Work> work_;
};

}  // namespace slipway::base

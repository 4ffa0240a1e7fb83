#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace slipway::base {

// Runs pieces of work somewhere else.
//
// Thread-safe. A piece of work that was accepted runs at most once, and is destroyed unrun when the
// executor ends first: let its captures release what it holds.
class Executor {
 public:
  using Work = std::function<void()>;
  virtual ~Executor() = default;
  virtual void Post(Work work) = 0;
};

// A fixed number of named threads that share one first-in-first-out queue.
//
// Thread-safe. The destructor lets running work end, drops what is queued, and joins.
class ThreadPool final : public Executor {
 public:
  struct Options {
    std::string name;    // of each thread, as `top -H` shows it; the first 12 characters count
    size_t threads = 1;  // at least 1
    int nice = 0;        // 0 to 19; how far the threads stand back behind request threads
  };

  explicit ThreadPool(const Options& options);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void Post(Work work) override;
  // Pieces of work that wait.
  size_t queued() const;

 private:
  void RunLoop();

  mutable std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they use everything above
};

// The calling thread asks for time slices of 0.1 ms: on a busy processor it runs sooner after it
// wakes, and gives way sooner. For threads that wait for events and want to see them in time. Linux
// before 6.12 ignores it.
void TakeShortTimeSlices();

// The calling thread gets less of a busy processor: `nice` is added to what it has (nice(2)). Its
// time slices stay as long as they are, so that threads with short ones go first.
void LowerPriority(int nice);

// Names the calling thread, as `top -H` and core dumps show it. At most 15 characters are kept.
void SetThreadName(const std::string& name);

}  // namespace slipway::base

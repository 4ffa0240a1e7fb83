#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "inference/infer_call.h"

namespace slipway::inference {

// Runs the calls of one model on threads of its own, first come, first served. For models that are
// too slow to run on an IO thread. The threads start with the first call.
//
// Thread-safe. Each call keeps its model alive while it is here, so the lane, which belongs to the
// model, is never destroyed with calls in it. Errors that a call may end with here:
// kResourceExhausted (the queue is full), kDeadlineExceeded (its deadline passed while it waited;
// it was not run), kCancelled (nobody waits for it any more; it was not run).
class QueueLane {
 public:
  struct Options {
    std::string name;          // of its threads
    size_t threads = 1;        // that run at the same time
    size_t max_queued = 1024;  // calls that wait
  };

  QueueLane(const Options& options, base::Clock& clock);
  ~QueueLane();
  QueueLane(const QueueLane&) = delete;
  QueueLane& operator=(const QueueLane&) = delete;

  // Where a call comes from and goes back to.
  struct Origin {
    base::Executor* loop;              // OnDone() is posted here
    std::atomic<size_t>* outstanding;  // one less when the lane is done with the call
  };
  // Takes the call; it ends with call.OnDone() as work of the origin's loop. When the queue is full
  // the status says so, the call is not taken and nothing of the origin changes.
  base::Status Enqueue(InferCall& call, const lifecycle::ModelHandle& model, const Origin& origin);
  // Calls that wait now.
  size_t depth() const;

 private:
  struct Entry {
    InferCall* call = nullptr;
    Origin origin{};
  };
  void RunLoop();
  void RunOne(InferCall& call);

  const Options options_;
  base::Clock& clock_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::deque<Entry> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace slipway::inference

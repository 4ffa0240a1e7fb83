#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "inference/batch_planner.h"
#include "inference/batch_run.h"
#include "inference/call_queue.h"
#include "inference/infer_call.h"
#include "inference/lane_threads.h"
#include "inference/overload_detector.h"
#include "inference/run_profile.h"

namespace slipway::inference {

// Runs the calls of one model on threads of its own, for models that are too slow to run on an IO
// thread. Calls wait in a CallQueue; a thread that becomes free takes as many of them as one batch
// may hold, so batches grow with the load. The threads start with the first call. With `adapt`, a
// BatchPlanner chooses how long batches wait, how large they get and how many threads run them.
//
// While more comes than can be done, no call is taken when a full batch and two calls wait for each
// thread already: a longer queue makes all answers late and gets nothing more done. When that
// begins, the rest of the queue, its end, is refused as well, unless that would tell calls late
// which are answered soon. A call that would stand before the end of a full queue, by its priority
// or its client's share, has that end refused in its place.
//
// Thread-safe. Each call keeps its model alive while it is here, so the lane, which belongs to the
// model, is never destroyed with calls in it. Errors that a call may end with here:
// kResourceExhausted (the queue is full, or so long that the objective or the call's deadline could
// not be met, or more comes than can be done), kDeadlineExceeded (its deadline passed, or is nearer
// than any run lately took; it was not run), kCancelled (nobody waits for it any more; it was not
// run).
class QueueLane {
 public:
  struct Options {
    std::string name;          // of its threads
    size_t threads = 1;        // that run at the same time
    size_t max_queued = 1024;  // calls that wait
    int64_t max_rows = 1;      // of one batch; 1: each call runs alone
    // How long a thread waits for more calls when its batch is not full, from the arrival of the
    // first. 0: it never waits; calls that came while it was busy are batch enough.
    std::chrono::nanoseconds max_delay{0};
    // Rows that a batch should have, ascending, none above max_rows. As soon as so many wait, they
    // run, without the delay; a batch has the largest of these sizes that the waiting rows reach,
    // or all of them where they reach none. Empty: a batch is as large as it may be.
    std::vector<int64_t> preferred_rows = {};
    // No call is taken that would be answered later than this, or than half of it while more comes
    // than can be done; 0: no such limit.
    std::chrono::nanoseconds objective{0};
    // Whether less is taken while more comes than can be done; false: only what is set above
    // counts.
    bool shed_overload = true;
    // Chooses `max_delay`, `max_rows` up to what is set, and how many of `threads` run, by the
    // objective, which must be set.
    bool adapt = false;
    std::vector<RunProfile::Batch> batches = {};  // what was measured of them, for `adapt`
    bool fair_share = true;                       // between clients (CallQueue)
    int nice = 0;                                 // of its threads, see base::LowerPriority()
    // A run that takes longer is stopped: the model hangs. 0: no limit.
    std::chrono::nanoseconds max_run_time{0};
    std::chrono::nanoseconds run_time{0};  // of one row, for estimates until calls have run
  };

  QueueLane(const Options& options, base::Clock& clock);
  ~QueueLane();
  QueueLane(const QueueLane&) = delete;
  QueueLane& operator=(const QueueLane&) = delete;

  using Origin = QueuedCall::Origin;
  // Takes the call; it ends with call.OnDone() as work of the origin's loop. When the lane refuses
  // the call the status says why, and nothing of the call or its origin changes.
  base::Status Enqueue(InferCall& call, const lifecycle::ModelHandle& model, const Origin& origin);
  // Whether a call of one row would be refused now, before anything of it is decoded. Lock-free for
  // one that is not.
  base::Status Admit(const InferCall& call);
  // Whether a call ever had a priority: then one of which it is not known yet may stand higher than
  // Admit() can tell.
  bool knows_priorities() const { return knows_priorities_.load(std::memory_order_relaxed); }
  // Calls that wait now.
  size_t depth() const { return waiting_.load(std::memory_order_relaxed); }
  // How long a call that comes now waits for its turn, as far as recent runs tell. Lock-free.
  std::chrono::nanoseconds EstimatedWait() const { return WaitBehind(QueuedRows()); }
  // More comes than can be done, and less is taken.
  bool overloaded() const {
    return options_.shed_overload && detector_.overloaded() &&
           rows_ahead_.load(std::memory_order_relaxed) > 0;
  }
  // Batches turned out not to come back row by row: from now on each call runs alone.
  void StopBatching();
  // How calls run now: as set, or as chosen.
  BatchPlan plan() const;

 private:
  base::Status CheckQueue(const InferCall& call) const;
  base::Status CheckDeadline(const InferCall& call, int64_t queued_rows) const;
  base::Status CheckPlace(const InferCall& call, base::Status queue);
  std::chrono::nanoseconds WaitBehind(int64_t queued_rows) const;
  std::chrono::nanoseconds AnswerBehind(int64_t queued_rows) const;
  std::chrono::nanoseconds LeastTime() const;
  BatchPlanner::Backlog Backlog(int64_t queued_rows) const;
  int64_t QueuedRows() const { return queued_rows_.load(std::memory_order_relaxed); }
  int64_t RunningRows() const;
  bool LongEnough() const;
  bool MayTake() const;
  bool MayLeave() const;
  void RunLoop();
  void WaitForCalls(std::unique_lock<std::mutex>& lock, bool resting);
  int64_t TakeBatch(std::unique_lock<std::mutex>& lock, std::vector<QueuedCall>& batch);
  void Shed(std::vector<QueuedCall>& shed);
  bool TooLateToRefuse(const QueuedCall& last) const;
  void Uncount(const QueuedCall& entry);
  void WaitForMore(std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds window);
  int64_t RowsToTake() const;
  void RunBatch(BatchRun& runner, std::vector<QueuedCall>& batch, std::vector<InferCall*>& calls);
  void NoteRun(std::chrono::nanoseconds took, int64_t rows, const std::vector<QueuedCall>& batch);
  static void GiveBack(const QueuedCall& entry);
  void Refuse(const std::vector<QueuedCall>& dropped, std::string_view why) const;

  const Options options_;
  base::Clock& clock_;
  const std::unique_ptr<BatchPlanner> planner_;  // null: as set
  std::atomic<int64_t> max_rows_;
  std::atomic<bool> knows_priorities_ = false;
  // For estimates; written under mutex_, read without.
  std::atomic<size_t> waiting_ = 0;
  std::atomic<int64_t> rows_ahead_ = 0;  // waiting or running
  std::atomic<int64_t> queued_rows_ = 0;
  std::atomic<int64_t> begun_ns_ = 0;  // steady time at which the last batch began
  // Threads that have a batch, or gather one; not those with a call that is larger than a batch,
  // for which others should not wait.
  std::atomic<int64_t> running_ = 0;
  std::atomic<int64_t> row_time_ns_;        // moving average of a batch's time over its rows
  std::atomic<int64_t> batch_time_ns_;      // moving average of a batch's time
  std::atomic<int64_t> least_time_ns_ = 0;  // of a batch, lately
  std::atomic<int64_t> ended_ns_ = 0;       // steady time at which one was last done

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  CallQueue queue_;
  size_t gathering_ = 0;       // threads that wait for more calls
  OverloadDetector detector_;  // overloaded() and Came() without
  bool stopping_ = false;
  LaneThreads threads_;  // last: it waits for them
};

}  // namespace slipway::inference

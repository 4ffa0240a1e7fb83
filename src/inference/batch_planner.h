#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "inference/batch_times.h"
#include "inference/run_profile.h"

namespace slipway::inference {

// How a queue lane runs its calls. A value.
struct BatchPlan {
  // How long a thread that has nothing else to do waits for a batch that is not full, from the
  // arrival of its first call.
  std::chrono::nanoseconds window{0};
  int64_t max_rows = 1;  // of a batch
  size_t threads = 1;    // that run batches, while less than a full one waits
};

// Chooses how a queue lane runs its calls, so that they are answered within an objective and cost
// as little as they can, from the calls that come, the times of runs by their rows, and the
// objective. Every 100 ms (or more, until some have run) it looks at what came, and
//   rows     as many as a run of 0.4 of the objective holds: a call may have to wait for one run,
//            and then takes another;
//   threads  where larger batches are cheaper by row, as few as are at most 0.6 busy with full
//            batches, if their batches are done in half of the objective; all of them elsewhere;
//   window   0, unless waiting makes the batches larger, and so the rows cheaper by a tenth at
//            least, while the model takes at least 0.3 of a thread's time, and the window and two
//            runs fit into half of the objective. At a low load nothing comes within a window, and
//            at a high one batches are large without: it is for what lies between.
// A larger window or fewer threads need three such looks in a row that ask for them, so that chance
// does not make the plan flap; less room, or more calls, count at once.
//
// It also says what part of the objective may be promised to a call that comes: 0.7 at first, less
// while more than one answer in a hundred takes longer than 0.85 of the objective (the rest is for
// the way to the queue and back), and slowly more again when none does.
//
// Came(), StopBatching() and what is const are for any thread; the others for one at a time.
// Sources: that a window pays at a moderate load, where the fixed part of a run is large, is what
// Clipper found (Crankshaw et al., NSDI 2017, "delayed batching"); the batches that form by
// themselves at a rate are those of Inoue, "Queueing analysis of GPU-based inference servers with
// dynamic batching", Performance Evaluation 147, 2021.
class BatchPlanner {
 public:
  struct Options {
    std::chrono::nanoseconds objective{0};  // above 0
    int64_t max_rows = 1;                   // that a batch may have
    size_t threads = 1;                     // there are
  };
  BatchPlanner(const Options& options, const RunProfile& profile, base::SteadyTime now);

  // A call of so many rows comes, whether it is taken or not.
  void Came(int64_t rows) { came_.fetch_add(rows, std::memory_order_relaxed); }
  // It was answered so long after it had been taken.
  void Answered(std::chrono::nanoseconds took);
  // A batch was run.
  void Ran(int64_t rows, std::chrono::nanoseconds took, base::SteadyTime now);

  // From now on each call runs alone.
  void StopBatching() { most_rows_.store(1, std::memory_order_relaxed); }

  BatchPlan plan() const;
  // What may be promised to a call now.
  std::chrono::nanoseconds promise() const;

  // What is ahead of a call.
  struct Backlog {
    int64_t queued_rows = 0;
    int64_t running_rows = 0;
    int64_t running = 0;                  // batches
    std::chrono::nanoseconds run_for{0};  // by the one that began last
  };
  // When its turn comes, and when a row that comes now is answered.
  std::chrono::nanoseconds WaitBehind(const Backlog& ahead) const;
  std::chrono::nanoseconds AnswerBehind(const Backlog& ahead) const;

 private:
  double RowTime(double rows) const;
  double SelfMadeBatch(size_t threads) const;
  bool Gains() const;
  bool IsRoomFor(double window, double rows) const;
  double WindowOf(size_t step) const;
  double BatchWith(size_t step) const;
  void Look(base::SteadyTime now);
  void ChooseThreads();
  size_t FewestThreads(double most_busy) const;
  void ChooseWindow();
  size_t LongestWindow(double gain) const;
  void AdjustPromise();

  const Options options_;
  BatchTimes times_;
  std::atomic<int64_t> most_rows_;
  std::atomic<int64_t> came_ = 0;  // rows, ever
  std::atomic<int64_t> max_rows_;
  std::atomic<size_t> threads_;
  std::atomic<size_t> step_ = 0;  // of the window
  std::atomic<double> promised_;  // part of the objective

  double rate_ = 0;        // rows in a second
  int fewer_threads_ = 0;  // looks in a row that asked for them
  int longer_window_ = 0;
  int shorter_window_ = 0;
  int hold_ = 0;  // looks for which the window stays 0, after answers that were late
  // Since the last look.
  base::SteadyTime begin_{};
  int64_t came_before_ = 0;
  int runs_ = 0;
  int64_t answered_ = 0;
  int64_t late_ = 0;
};

}  // namespace slipway::inference

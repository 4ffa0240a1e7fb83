#include "inference/queue_lane.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::inference {
namespace {

using base::StrCat;
using std::chrono::nanoseconds;

constexpr std::string_view kMoreThanCanBeDone =
    ": overloaded: more requests come than can be done; an answer would take about ";

// After this, what was learned of a model is old.
constexpr std::chrono::seconds kOldTime{1};
// A refusal after this long is late...
constexpr std::chrono::milliseconds kLateRefusal{4};
// ... and an answer within this is soon, where there is no objective.
constexpr std::chrono::milliseconds kSoon{50};

int64_t Signed(size_t count) { return static_cast<int64_t>(count); }

// A moving average over about the last eight values.
void Average(std::atomic<int64_t>& average, int64_t value) {
  const int64_t old = average.load(std::memory_order_relaxed);
  average.store(old == 0 ? value : old + (value - old) / 8, std::memory_order_relaxed);
}

std::unique_ptr<BatchPlanner> MakePlanner(const QueueLane::Options& options,
                                          const base::Clock& clock) {
  if (!options.adapt) return nullptr;
  SLIPWAY_CHECK(options.objective.count() > 0);
  return std::make_unique<BatchPlanner>(
      BatchPlanner::Options{
          .objective = options.objective, .max_rows = options.max_rows, .threads = options.threads},
      RunProfile{.run_time = options.run_time, .batches = options.batches}, clock.SteadyNow());
}

}  // namespace

QueueLane::QueueLane(const Options& options, base::Clock& clock)
    : options_(options),
      clock_(clock),
      planner_(MakePlanner(options, clock)),
      max_rows_(options.max_rows),
      row_time_ns_(options.run_time.count()),
      batch_time_ns_(options.run_time.count()),
      queue_(options.fair_share),
      detector_(options.threads, clock.SteadyNow()),
      threads_({.name = options.name, .count = options.threads, .nice = options.nice},
               [this] { RunLoop(); }) {
  SLIPWAY_CHECK(options.threads > 0);
}

QueueLane::~QueueLane() {
  {
    const std::lock_guard lock(mutex_);
    SLIPWAY_CHECK(queue_.empty());
    stopping_ = true;
  }
  wake_.notify_all();
}

BatchPlan QueueLane::plan() const {
  BatchPlan plan{.window = options_.max_delay,
                 .max_rows = max_rows_.load(std::memory_order_relaxed),
                 .threads = options_.threads};
  if (planner_ == nullptr) return plan;
  const BatchPlan chosen = planner_->plan();
  return {.window = chosen.window,
          .max_rows = std::min(plan.max_rows, chosen.max_rows),
          .threads = chosen.threads};
}

void QueueLane::StopBatching() {
  max_rows_.store(1, std::memory_order_relaxed);
  if (planner_ != nullptr) planner_->StopBatching();
}

// What a call takes that has nothing before it: the least that one took lately, since times may
// depend on what is in a call. 0 when that was long ago: then one is tried, or nobody would learn
// that the model has become quicker.
nanoseconds QueueLane::LeastTime() const {
  const nanoseconds ended(ended_ns_.load(std::memory_order_relaxed));
  if (clock_.SteadyNow().time_since_epoch() - ended > kOldTime) return nanoseconds(0);
  return nanoseconds(least_time_ns_.load(std::memory_order_relaxed));
}

// As a call sees it that has `queued_rows` before it in the queue.
BatchPlanner::Backlog QueueLane::Backlog(int64_t queued_rows) const {
  return {.queued_rows = queued_rows,
          .running_rows = RunningRows(),
          .running = std::max<int64_t>(1, running_.load(std::memory_order_relaxed)),
          .run_for = clock_.SteadyNow().time_since_epoch() -
                     nanoseconds(begun_ns_.load(std::memory_order_relaxed))};
}

int64_t QueueLane::RunningRows() const {
  return std::max<int64_t>(0, rows_ahead_.load(std::memory_order_relaxed) - QueuedRows());
}

nanoseconds QueueLane::WaitBehind(int64_t queued_rows) const {
  if (planner_ != nullptr) return planner_->WaitBehind(Backlog(queued_rows));
  // A run that is under way counts whole: half of it on average, and an estimate should not promise
  // too much.
  return nanoseconds((RunningRows() + queued_rows) * row_time_ns_.load(std::memory_order_relaxed) /
                     Signed(options_.threads));
}

nanoseconds QueueLane::AnswerBehind(int64_t queued_rows) const {
  if (planner_ != nullptr) return planner_->AnswerBehind(Backlog(queued_rows));
  return WaitBehind(queued_rows) + nanoseconds(batch_time_ns_.load(std::memory_order_relaxed));
}

base::Status QueueLane::Admit(const InferCall& call) {
  base::Status status = CheckQueue(call);
  if (status.ok() && CheckDeadline(call, QueuedRows()).ok()) return status;
  const std::lock_guard lock(mutex_);
  return CheckPlace(call, std::move(status));
}

// `queue`: what CheckQueue() said. A call that would not stand at the end may be taken all the
// same.
base::Status QueueLane::CheckPlace(const InferCall& call, base::Status queue) {
  if (!queue.ok() && !queue_.CanMakeRoom(call)) {
    detector_.Came();
    if (planner_ != nullptr) planner_->Came(std::max<int64_t>(1, call.rows));
    return queue;
  }
  const bool hurried = call.deadline.at != base::SteadyTime::max();
  return hurried ? CheckDeadline(call, queue_.RowsBefore(call)) : base::OkStatus();
}

base::Status QueueLane::CheckQueue(const InferCall& call) const {
  const size_t waiting = depth();
  if (waiting >= options_.max_queued) {
    return base::ResourceExhausted(StrCat(call.model->id(), ": its queue is full (", waiting,
                                          " requests wait); try again later"));
  }
  const nanoseconds answer = AnswerBehind(QueuedRows());
  const nanoseconds promise = planner_ != nullptr ? planner_->promise() : options_.objective;
  if (options_.objective.count() > 0 && waiting > 0 && answer > promise) {
    return base::ResourceExhausted(StrCat(
        call.model->id(), ": overloaded: an answer would take about ", base::FormatDuration(answer),
        ", the objective is ", base::FormatDuration(options_.objective),
        promise < options_.objective
            ? StrCat(", of which a queue may take ", base::FormatDuration(promise))
            : "",
        "; try again later"));
  }
  if (overloaded() && LongEnough()) {
    return base::ResourceExhausted(StrCat(call.model->id(), kMoreThanCanBeDone,
                                          base::FormatDuration(answer), "; try again later"));
  }
  return base::OkStatus();
}

base::Status QueueLane::CheckDeadline(const InferCall& call, int64_t queued_rows) const {
  if (call.deadline.at == base::SteadyTime::max()) return base::OkStatus();
  const nanoseconds left = call.deadline.at - clock_.SteadyNow();
  if (left.count() <= 0) {
    return base::DeadlineExceeded(
        StrCat(call.model->id(), ": the deadline had passed before the request could be run"));
  }
  if (RunningRows() + queued_rows == 0) {
    const nanoseconds least = LeastTime();
    if (least <= left) return base::OkStatus();
    return base::DeadlineExceeded(StrCat(call.model->id(), ": lately every run took at least ",
                                         base::FormatDuration(least), ", and the deadline is in ",
                                         base::FormatDuration(left)));
  }
  const nanoseconds answer = AnswerBehind(queued_rows);
  if (answer > left) {
    return base::ResourceExhausted(
        StrCat(call.model->id(), ": overloaded: an answer would take about ",
               base::FormatDuration(answer), ", the deadline is in ", base::FormatDuration(left)));
  }
  return base::OkStatus();
}

// Whether a longer queue gets nothing more done: each thread finds a full batch in it when it is
// done with the one that it runs, and some calls stay. With an objective, half of it is enough.
bool QueueLane::LongEnough() const {
  if (depth() < options_.threads) return false;
  const int64_t rows = 2 * (1 + plan().max_rows);
  return rows_ahead_.load(std::memory_order_relaxed) >= rows * Signed(options_.threads) ||
         (options_.objective.count() > 0 && AnswerBehind(QueuedRows()) > options_.objective / 2);
}

base::Status QueueLane::Enqueue(InferCall& call, const lifecycle::ModelHandle& model,
                                const Origin& origin) {
  if (call.priority != 0) knows_priorities_.store(true, std::memory_order_relaxed);
  std::vector<QueuedCall> displaced;
  {
    const std::lock_guard lock(mutex_);
    base::Status status = CheckQueue(call);
    const bool full = !status.ok();
    SLIPWAY_RETURN_IF_ERROR(CheckPlace(call, std::move(status)));
    if (full) {
      queue_.MakeRoom(call, displaced);
      for (const QueuedCall& entry : displaced) Uncount(entry);
    }
    call.keep_alive_ = model;
    const base::SteadyTime now = clock_.SteadyNow();
    detector_.Taken(now);
    detector_.Came();
    if (planner_ != nullptr) planner_->Came(call.rows);
    queue_.Push(
        {.call = &call,
         .origin = origin,
         .arrived = now,
         .cost = std::max<int64_t>(1, call.rows * row_time_ns_.load(std::memory_order_relaxed))});
    queued_rows_.fetch_add(call.rows, std::memory_order_relaxed);
    waiting_.store(queue_.size(), std::memory_order_relaxed);
    rows_ahead_.fetch_add(call.rows, std::memory_order_relaxed);
    threads_.Start();
  }
  wake_.notify_one();
  Refuse(displaced,
         ": overloaded: its place in the queue went to a request that came later, with a higher "
         "priority or of a client with fewer requests here; try again later");
  return base::OkStatus();
}

void QueueLane::RunLoop() {
  BatchRun runner({.watch_abandoned = true, .max_run_time = options_.max_run_time}, clock_);
  std::vector<QueuedCall> batch;
  std::vector<QueuedCall> shed;
  std::vector<InferCall*> calls;
  bool gives_way = false;
  for (bool resting = true;; resting = false) {
    shed.clear();
    bool counts = true;
    {
      std::unique_lock lock(mutex_);
      if (gives_way && MayLeave()) {
        detector_.Rests(clock_.SteadyNow());
        return threads_.Leave(lock);
      }
      WaitForCalls(lock, resting);
      if (stopping_) return;
      counts = TakeBatch(lock, batch) <= plan().max_rows;
      if (!counts) running_.fetch_sub(1, std::memory_order_relaxed);
      const bool begins =
          !batch.empty() && detector_.Left(batch.size(), queue_.size(), clock_.SteadyNow());
      if (begins && options_.shed_overload) Shed(shed);
    }
    if (!gives_way && overloaded()) {
      LaneThreads::GiveWay();
      gives_way = true;
    }
    if (!shed.empty()) {
      Refuse(shed, StrCat(": overloaded: more requests come than can be done, and ", shed.size(),
                          " that came last were not run; try again later"));
    }
    RunBatch(runner, batch, calls);
    if (counts) running_.fetch_sub(1, std::memory_order_relaxed);
  }
}

// Whether there is something for one more thread to do. A thread that is kept from it is not
// missed: those that run look at the queue when they are done, and each call that comes wakes one.
bool QueueLane::MayTake() const {
  if (queue_.empty()) return false;
  if (planner_ == nullptr) return true;
  const BatchPlan now = plan();
  return QueuedRows() >= now.max_rows ||
         (gathering_ == 0 && running_.load(std::memory_order_relaxed) < Signed(now.threads));
}

// An overload is over. Where nothing is to be done, or others do it, the next call starts another
// thread in time.
bool QueueLane::MayLeave() const { return !stopping_ && !detector_.overloaded() && !MayTake(); }

// `resting` says that the detector knows that this thread has nothing to do.
void QueueLane::WaitForCalls(std::unique_lock<std::mutex>& lock, bool resting) {
  if (!MayTake() && !resting) {
    detector_.Rests(clock_.SteadyNow());
    resting = true;
  }
  wake_.wait(lock, [this] { return stopping_ || MayTake(); });
  if (resting) detector_.Wakes(clock_.SteadyNow());
  running_.fetch_add(1, std::memory_order_relaxed);
}

// Takes the first call and those behind it that may run with it. Returns their rows.
int64_t QueueLane::TakeBatch(std::unique_lock<std::mutex>& lock, std::vector<QueuedCall>& batch) {
  const BatchPlan now = plan();
  if (now.max_rows > 1 && now.window.count() > 0) WaitForMore(lock, now.window);
  const int64_t max_rows = RowsToTake();
  batch.clear();
  if (queue_.empty()) return 0;  // another thread took them while this one waited
  int64_t rows = 0;
  const auto take = [&](const CallQueue::Iterator& entry) {
    rows += entry->call->rows;
    batch.push_back(*entry);
    return queue_.Take(entry);
  };
  auto next = take(queue_.begin());
  const InferCall& first = *batch.front().call;
  if (rows < max_rows && BatchRun::Fits(first)) {
    while (next != queue_.end() && rows < max_rows) {
      const InferCall& call = *next->call;
      const bool joins =
          rows + call.rows <= max_rows && BatchRun::Fits(call) && BatchRun::Alike(first, call);
      next = joins ? take(next) : std::next(next);
    }
  }
  queued_rows_.fetch_sub(rows, std::memory_order_relaxed);
  waiting_.store(queue_.size(), std::memory_order_relaxed);
  if (!queue_.empty()) wake_.notify_one();  // what was left is for another thread
  return rows;
}

// Takes out the end of the queue, which would be answered later than what comes now.
void QueueLane::Shed(std::vector<QueuedCall>& shed) {
  while (LongEnough() && !TooLateToRefuse(queue_.back())) {
    shed.push_back(queue_.DropLast());
    Uncount(shed.back());
  }
}

// The last call has waited for some time, and does not have to wait for long any more.
bool QueueLane::TooLateToRefuse(const QueuedCall& last) const {
  const nanoseconds soon = options_.objective.count() > 0 ? options_.objective : kSoon;
  return clock_.SteadyNow() - last.arrived > kLateRefusal && AnswerBehind(QueuedRows()) <= soon;
}

// A call that was taken has left the queue, and will not run.
void QueueLane::Uncount(const QueuedCall& entry) {
  queued_rows_.fetch_sub(entry.call->rows, std::memory_order_relaxed);
  rows_ahead_.fetch_sub(entry.call->rows, std::memory_order_relaxed);
  waiting_.store(queue_.size(), std::memory_order_relaxed);
}

void QueueLane::Refuse(const std::vector<QueuedCall>& dropped, std::string_view why) const {
  if (dropped.empty()) return;
  const base::SteadyTime now = clock_.SteadyNow();
  for (const QueuedCall& entry : dropped) {
    InferCall& call = *entry.call;
    call.infer_begin = call.infer_end = now;
    call.status = base::ResourceExhausted(StrCat(call.model->id(), why));
    GiveBack(entry);
  }
}

// A window that was chosen ends before the first call's deadline could not be met; one that was set
// is kept.
void QueueLane::WaitForMore(std::unique_lock<std::mutex>& lock, nanoseconds window) {
  const QueuedCall& first = queue_.front();
  base::SteadyTime end = first.arrived + window;
  if (planner_ != nullptr && first.call->deadline.at != base::SteadyTime::max()) {
    end = std::min(end, first.call->deadline.at - 2 * AnswerBehind(QueuedRows()));
  }
  const auto until = std::chrono::steady_clock::now() + (end - clock_.SteadyNow());
  ++gathering_;
  wake_.wait_until(lock, until, [this] {
    const int64_t max_rows = plan().max_rows;
    const int64_t enough = options_.preferred_rows.empty()
                               ? max_rows
                               : std::min(max_rows, options_.preferred_rows.front());
    return stopping_ || queue_.empty() || QueuedRows() >= enough;
  });
  --gathering_;
}

int64_t QueueLane::RowsToTake() const {
  const int64_t max_rows = plan().max_rows;
  const std::vector<int64_t>& preferred = options_.preferred_rows;
  const auto beyond = std::ranges::upper_bound(preferred, QueuedRows());
  return beyond == preferred.begin() ? max_rows : std::min(max_rows, *std::prev(beyond));
}

void QueueLane::RunBatch(BatchRun& runner, std::vector<QueuedCall>& batch,
                         std::vector<InferCall*>& calls) {
  const base::SteadyTime now = clock_.SteadyNow();
  begun_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  int64_t all_rows = 0;
  int64_t rows = 0;
  calls.clear();
  for (const QueuedCall& entry : batch) {
    all_rows += entry.call->rows;
    if (RefuseStale(*entry.call, now)) continue;
    rows += entry.call->rows;
    calls.push_back(entry.call);
  }
  if (!calls.empty()) {
    const BatchRun::Outcome outcome = runner.Run(calls);
    if (!outcome.divided) StopBatching();
    NoteRun(outcome.took, rows, batch);
  }
  rows_ahead_.fetch_sub(all_rows, std::memory_order_relaxed);
  for (const QueuedCall& entry : batch) GiveBack(entry);
}

void QueueLane::NoteRun(nanoseconds took, int64_t rows, const std::vector<QueuedCall>& batch) {
  const base::SteadyTime now = clock_.SteadyNow();
  const std::lock_guard lock(mutex_);
  // An eighth more with each run that takes longer, so that it follows a model that became slower.
  const int64_t least = least_time_ns_.load(std::memory_order_relaxed);
  const int64_t most = least == 0 ? took.count() : least + least / 8;
  least_time_ns_.store(std::min(took.count(), most), std::memory_order_relaxed);
  ended_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  Average(row_time_ns_, took.count() / std::max<int64_t>(1, rows));
  Average(batch_time_ns_, took.count());
  if (planner_ == nullptr) return;
  for (const QueuedCall& entry : batch) planner_->Answered(now - entry.arrived);
  planner_->Ran(rows, took, now);
}

void QueueLane::GiveBack(const QueuedCall& entry) {
  entry.origin.loop->Post([call = entry.call] {
    // The front end may reuse the call inside OnDone(), so let go of the model through a copy.
    const lifecycle::ModelHandle keep_alive = std::move(call->keep_alive_);
    call->Finish();
  });
  entry.origin.outstanding->fetch_sub(1, std::memory_order_release);
  entry.origin.outstanding->notify_all();
}

}  // namespace slipway::inference

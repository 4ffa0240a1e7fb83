#include "inference/batch_planner.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds kLook{100};
constexpr int kRuns = 8;      // at least, between two looks
constexpr int kVotes = 3;     // looks in a row that ask for the same
constexpr int kHold = 50;     // looks
constexpr double kOld = 0.5;  // weight of the rate before

constexpr double kBatch = 0.4;  // of the objective, for a run
constexpr double kRoom = 0.5;   // of the objective, for what a window and runs take
// Of the objective.
constexpr std::array<double, 5> kWindows = {0, 1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4};

constexpr double kGain = 0.9;        // time of a row, from one window to the next longer
constexpr double kKeep = 0.95;       // so that it stays
constexpr double kWorthwhile = 0.3;  // of a thread's time
constexpr double kStillWorthwhile = 0.2;
constexpr double kBusy = 0.6;  // of a thread's time, with full batches
constexpr double kTooBusy = 0.75;

constexpr double kFirstPromise = 0.7;
constexpr double kLeastPromise = 0.3;
constexpr double kMostPromise = 0.8;
constexpr double kLate = 0.85;  // of the objective
constexpr double kLateShare = 0.01;
constexpr double kLess = 0.05;
constexpr double kMore = 0.01;

double InSeconds(nanoseconds time) { return Seconds(time).count(); }

}  // namespace

BatchPlanner::BatchPlanner(const Options& options, const RunProfile& profile, base::SteadyTime now)
    : options_(options),
      times_(profile),
      most_rows_(options.max_rows),
      max_rows_(times_.RowsWithin(
          std::chrono::duration_cast<nanoseconds>(kBatch * Seconds(options.objective)),
          options.max_rows)),
      threads_(options.threads),
      promised_(kFirstPromise),
      begin_(now) {}

BatchPlan BatchPlanner::plan() const {
  const double window = WindowOf(step_.load(std::memory_order_relaxed));
  return {.window = std::chrono::duration_cast<nanoseconds>(Seconds(window)),
          .max_rows = std::min(most_rows_.load(std::memory_order_relaxed),
                               max_rows_.load(std::memory_order_relaxed)),
          .threads = threads_.load(std::memory_order_relaxed)};
}

nanoseconds BatchPlanner::promise() const {
  return std::chrono::duration_cast<nanoseconds>(promised_.load(std::memory_order_relaxed) *
                                                 Seconds(options_.objective));
}

nanoseconds BatchPlanner::WaitBehind(const Backlog& ahead) const {
  const auto threads = static_cast<int64_t>(options_.threads);
  nanoseconds wait{0};
  if (ahead.running_rows > 0 && ahead.running >= threads) {
    // What is left of the one that began last, so that it does not promise too much.
    wait += std::max(
        nanoseconds(0),
        times_.Of((ahead.running_rows + ahead.running - 1) / ahead.running) - ahead.run_for);
  }
  const int64_t full = max_rows_.load(std::memory_order_relaxed);
  return wait + ahead.queued_rows / full * times_.Of(full) / threads;
}

nanoseconds BatchPlanner::AnswerBehind(const Backlog& ahead) const {
  const int64_t full = max_rows_.load(std::memory_order_relaxed);
  return WaitBehind(ahead) + times_.Of(ahead.queued_rows % full + 1);
}

void BatchPlanner::Answered(nanoseconds took) {
  ++answered_;
  if (InSeconds(took) > kLate * InSeconds(options_.objective)) ++late_;
}

void BatchPlanner::Ran(int64_t rows, nanoseconds took, base::SteadyTime now) {
  times_.Note(rows, took);
  ++runs_;
  if (now - begin_ >= kLook && runs_ >= kRuns) Look(now);
}

void BatchPlanner::Look(base::SteadyTime now) {
  const int64_t came = came_.load(std::memory_order_relaxed);
  const double rate = static_cast<double>(came - came_before_) / InSeconds(now - begin_);
  rate_ = rate_ > 0 ? kOld * rate_ + (1 - kOld) * rate : rate;
  const Seconds run(kBatch * InSeconds(options_.objective));
  max_rows_.store(times_.RowsWithin(std::chrono::duration_cast<nanoseconds>(run),
                                    most_rows_.load(std::memory_order_relaxed)),
                  std::memory_order_relaxed);
  AdjustPromise();
  ChooseThreads();
  ChooseWindow();
  begin_ = now;
  came_before_ = came;
  runs_ = 0;
  answered_ = late_ = 0;
}

// Seconds for each row of a batch.
double BatchPlanner::RowTime(double rows) const {
  const double below = std::floor(rows);
  const auto whole = static_cast<int64_t>(below);
  const double time = InSeconds(times_.Of(whole));
  return (time + (rows - below) * (InSeconds(times_.Of(whole + 1)) - time)) / rows;
}

// Rows of the batches that form while so many threads are busy with those before.
double BatchPlanner::SelfMadeBatch(size_t threads) const {
  const auto most = static_cast<double>(max_rows_.load(std::memory_order_relaxed));
  double rows = 1;
  for (int i = 0; i < 50 && rows < most; ++i) {
    const double next = rate_ / static_cast<double>(threads) * rows * RowTime(rows);
    if (next <= rows * 1.001) break;
    rows = next;
  }
  return std::clamp(rows, 1.0, most);
}

bool BatchPlanner::Gains() const {
  const auto most = static_cast<double>(max_rows_.load(std::memory_order_relaxed));
  return RowTime(most) <= kGain * RowTime(1);
}

bool BatchPlanner::IsRoomFor(double window, double rows) const {
  return window + 2 * rows * RowTime(rows) <= kRoom * InSeconds(options_.objective);
}

void BatchPlanner::AdjustPromise() {
  const double promised = promised_.load(std::memory_order_relaxed);
  const double late = kLateShare * static_cast<double>(answered_);
  double next = promised;
  if (late_ > 1 && static_cast<double>(late_) > late) {
    next = std::max(kLeastPromise, promised - kLess);
    hold_ = kHold;
  } else if (late_ == 0) {
    next = std::min(kMostPromise, promised + kMore);
  }
  promised_.store(next, std::memory_order_relaxed);
  if (hold_ > 0) --hold_;
}

size_t BatchPlanner::FewestThreads(double most_busy) const {
  const double work =
      rate_ * RowTime(static_cast<double>(max_rows_.load(std::memory_order_relaxed)));
  for (size_t threads = 1; threads < options_.threads; ++threads) {
    if (work <= most_busy * static_cast<double>(threads) && IsRoomFor(0, SelfMadeBatch(threads))) {
      return threads;
    }
  }
  return options_.threads;
}

void BatchPlanner::ChooseThreads() {
  const size_t now = threads_.load(std::memory_order_relaxed);
  const bool gains = Gains();
  const size_t needed = gains ? FewestThreads(kTooBusy) : options_.threads;
  const size_t wanted = gains ? FewestThreads(kBusy) : options_.threads;
  fewer_threads_ = wanted < now ? fewer_threads_ + 1 : 0;
  if (needed > now) {
    threads_.store(needed, std::memory_order_relaxed);
  } else if (fewer_threads_ >= kVotes) {
    threads_.store(now - 1, std::memory_order_relaxed);
    fewer_threads_ = 0;
  }
}

double BatchPlanner::WindowOf(size_t step) const {
  return kWindows[step] * InSeconds(options_.objective);
}

double BatchPlanner::BatchWith(size_t step) const {
  const auto most = static_cast<double>(max_rows_.load(std::memory_order_relaxed));
  const double alone = SelfMadeBatch(threads_.load(std::memory_order_relaxed));
  return std::min(most, std::max(alone, 1 + rate_ * WindowOf(step)));
}

// That fits, where each takes at most `gain` of the next shorter one's time for a row.
size_t BatchPlanner::LongestWindow(double gain) const {
  size_t longest = 0;
  for (size_t step = 1; step < kWindows.size(); ++step) {
    const double rows = BatchWith(step);
    if (IsRoomFor(WindowOf(step), rows) && RowTime(rows) <= gain * RowTime(BatchWith(longest))) {
      longest = step;
    }
  }
  return longest;
}

void BatchPlanner::ChooseWindow() {
  size_t step = step_.load(std::memory_order_relaxed);
  while (step > 0 && !IsRoomFor(WindowOf(step), BatchWith(step))) --step;
  const double busy = rate_ * RowTime(BatchWith(0));
  if (hold_ > 0 || busy < kStillWorthwhile) step = 0;
  const bool worthwhile = hold_ == 0 && busy >= kWorthwhile;
  const size_t longest = worthwhile ? LongestWindow(kGain) : 0;
  const size_t kept = LongestWindow(kKeep);
  longer_window_ = longest > step ? longer_window_ + 1 : 0;
  shorter_window_ = kept < step ? shorter_window_ + 1 : 0;
  if (longer_window_ >= kVotes) {
    step = longest;
    longer_window_ = 0;
  } else if (shorter_window_ >= kVotes) {
    step = kept;
    shorter_window_ = 0;
  }
  step_.store(step, std::memory_order_relaxed);
}

}  // namespace slipway::inference

#include "inference/batch_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "base/clock.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

constexpr nanoseconds kObjective = 30ms;

nanoseconds Of(double seconds) { return std::chrono::duration_cast<nanoseconds>(Seconds(seconds)); }

struct Model {
  nanoseconds fixed;     // of a run
  nanoseconds each_row;  // on top
  int64_t max_rows = 64;
};
constexpr Model kGains{.fixed = 1600us, .each_row = 400us};
constexpr Model kGainsLittle{.fixed = 50us, .each_row = 1950us};

// A queue lane at simulated times, with calls of one row.
class Simulation {
 public:
  struct Options {
    size_t threads = 1;
    bool adapt = true;
    nanoseconds objective = kObjective;
  };
  Simulation(const Model& model, const Options& options)
      : model_(model),
        options_(options),
        planner_({.objective = options.objective,
                  .max_rows = model.max_rows,
                  .threads = options.threads},
                 Profile(model), now_) {}

  // Rows a second that full batches get done, at the speed that was measured.
  double Capacity() const {
    const int64_t rows = std::min<int64_t>(model_.max_rows, FullBatch());
    return static_cast<double>(rows * static_cast<int64_t>(options_.threads)) /
           Seconds(model_.fixed + rows * model_.each_row).count();
  }
  void SlowDown(int factor) { factor_ = factor; }

  // Calls come at random times, `rate` of them in a second.
  void Offer(double rate, nanoseconds duration) {
    const base::SteadyTime end = now_ + duration;
    std::exponential_distribution<double> gap(rate);
    while (true) {
      const base::SteadyTime next = now_ + Of(gap(random_));
      if (next >= end) break;
      WorkUntil(next);
      Come();
    }
    WorkUntil(end);
  }
  void Forget() {
    answers_.clear();
    refused_ = 0;
    worked_ = nanoseconds(0);
    changes_ = 0;
  }

  BatchPlan plan() const {
    return options_.adapt ? planner_.plan()
                          : BatchPlan{.max_rows = FullBatch(), .threads = options_.threads};
  }
  size_t answered() const { return answers_.size(); }
  size_t refused() const { return refused_; }
  int changes() const { return changes_; }
  nanoseconds worked() const { return worked_; }
  nanoseconds P99() {
    const auto place = answers_.begin() + static_cast<std::ptrdiff_t>(answers_.size() * 99 / 100);
    std::ranges::nth_element(answers_, place);
    return *place;
  }

 private:
  static RunProfile Profile(const Model& model) {
    RunProfile profile{.run_time = model.fixed + model.each_row};
    for (const int64_t rows : {4, 16, 64}) {
      if (rows > model.max_rows) break;
      profile.batches.push_back({.rows = rows, .time = model.fixed + rows * model.each_row});
    }
    return profile;
  }
  int64_t FullBatch() const {
    return std::max<int64_t>(
        1, std::min<int64_t>(model_.max_rows,
                             (options_.objective * 2 / 5 - model_.fixed) / model_.each_row));
  }

  void Come() {
    planner_.Came(1);
    const BatchPlanner::Backlog ahead{.queued_rows = static_cast<int64_t>(queue_.size()),
                                      .running_rows = running_rows_,
                                      .running = static_cast<int64_t>(running_.size()),
                                      .run_for = now_ - last_begin_};
    if (options_.adapt && !queue_.empty() && planner_.AnswerBehind(ahead) > planner_.promise()) {
      ++refused_;
      return;
    }
    queue_.push_back(now_);
    Begin();
  }
  // Begins what may begin now.
  void Begin() {
    const auto rows = [this] { return static_cast<int64_t>(queue_.size()); };
    while (!queue_.empty() && running_.size() < options_.threads) {
      const BatchPlan now = plan();
      const bool full = rows() >= now.max_rows;
      if (!full && (running_.size() >= now.threads || now_ < queue_.front() + now.window)) break;
      Run run{.rows = std::min(rows(), now.max_rows)};
      for (int64_t i = 0; i < run.rows; ++i) {
        run.calls.push_back(queue_.front());
        queue_.pop_front();
      }
      run.took = factor_ * (model_.fixed + run.rows * model_.each_row);
      run.took += Of(Seconds(run.took).count() * noise_(random_));
      run.end = now_ + run.took;
      last_begin_ = now_;
      running_rows_ += run.rows;
      worked_ += run.took;
      running_.push_back(std::move(run));
    }
  }
  base::SteadyTime NextEvent() const {
    base::SteadyTime next = base::SteadyTime::max();
    for (const Run& run : running_) next = std::min(next, run.end);
    if (!queue_.empty() && running_.size() < plan().threads) {
      next = std::min(next, std::max(now_, queue_.front() + plan().window));
    }
    return next;
  }
  void WorkUntil(base::SteadyTime end) {
    for (base::SteadyTime next = NextEvent(); next <= end; next = NextEvent()) {
      now_ = next;
      for (auto run = running_.begin(); run != running_.end();) {
        run = run->end <= now_ ? End(run) : run + 1;
      }
      Begin();
    }
    now_ = end;
  }
  struct Run {
    int64_t rows = 0;
    nanoseconds took{0};
    base::SteadyTime end{};
    std::vector<base::SteadyTime> calls = {};
  };
  std::vector<Run>::iterator End(std::vector<Run>::iterator run) {
    for (const base::SteadyTime arrived : run->calls) {
      planner_.Answered(now_ - arrived);
      answers_.push_back(now_ - arrived);
    }
    running_rows_ -= run->rows;
    const BatchPlan before = planner_.plan();
    planner_.Ran(run->rows, run->took, now_);
    const BatchPlan after = planner_.plan();
    if (before.window != after.window || before.threads != after.threads) ++changes_;
    return running_.erase(run);
  }

  const Model model_;
  const Options options_;
  base::SteadyTime now_{1h};
  BatchPlanner planner_;
  std::mt19937_64 random_{20261122};
  std::uniform_real_distribution<double> noise_{-0.1, 0.1};
  int factor_ = 1;
  std::deque<base::SteadyTime> queue_;  // when they came
  std::vector<Run> running_;
  int64_t running_rows_ = 0;
  base::SteadyTime last_begin_{};
  std::vector<nanoseconds> answers_;
  size_t refused_ = 0;
  nanoseconds worked_{0};
  int changes_ = 0;
};

TEST(BatchPlannerTest, NobodyWaitsAtALowLoad) {
  Simulation lane(kGains, {});
  lane.Offer(20, 20s);
  EXPECT_EQ(lane.plan().window, 0ns);
  EXPECT_LT(lane.P99(), 5ms);
}

TEST(BatchPlannerTest, NobodyWaitsWhereBatchesGainNothing) {
  Simulation lane(kGainsLittle, {.threads = 2});
  lane.Offer(400, 20s);
  EXPECT_EQ(lane.plan().window, 0ns);
  EXPECT_EQ(lane.plan().threads, 2U);
}

TEST(BatchPlannerTest, NobodyWaitsWhereTheObjectiveHasNoRoom) {
  Simulation lane(kGains, {.objective = 8ms});
  lane.Offer(400, 20s);
  EXPECT_EQ(lane.plan().window, 0ns);
}

TEST(BatchPlannerTest, AWindowMakesRowsCheaperInBetweenAndTheObjectiveIsMet) {
  Simulation lane(kGains, {});
  Simulation without(kGains, {.adapt = false});
  for (Simulation* one : {&lane, &without}) {
    one->Offer(350, 5s);
    one->Forget();
    one->Offer(350, 30s);
  }
  EXPECT_GT(lane.plan().window, 0ns);
  EXPECT_LT(lane.P99(), kObjective * 3 / 4);
  EXPECT_LT(lane.worked(), without.worked() * 9 / 10);
  EXPECT_EQ(lane.refused(), 0U);
}

TEST(BatchPlannerTest, TheWindowGoesWithTheLoad) {
  Simulation lane(kGains, {});
  lane.Offer(350, 5s);
  ASSERT_GT(lane.plan().window, 0ns);
  lane.Offer(20, 10s);
  EXPECT_EQ(lane.plan().window, 0ns);
}

TEST(BatchPlannerTest, ASteadyLoadHasASteadyPlan) {
  for (const double rate : {100.0, 150.0, 200.0, 350.0, 500.0, 800.0, 1200.0, 1600.0, 2000.0}) {
    Simulation lane(kGains, {.threads = 3});
    lane.Offer(rate, 5s);
    lane.Forget();
    lane.Offer(rate, 60s);
    EXPECT_LE(lane.changes(), 30) << rate;  // of 600 looks
    EXPECT_EQ(lane.refused(), 0U) << rate;
    EXPECT_LT(lane.P99(), kObjective) << rate;
  }
}

TEST(BatchPlannerTest, BatchesAreAsLargeAsHalfOfTheObjectiveLetsThemBe) {
  Simulation lane(kGains, {});
  EXPECT_EQ(lane.plan().max_rows, 26);  // 12 ms
  lane.SlowDown(2);
  lane.Offer(1500, 10s);
  EXPECT_GE(lane.plan().max_rows, 9);
  EXPECT_LE(lane.plan().max_rows, 13);  // 11 would be exact
  lane.SlowDown(1);
  lane.Offer(1500, 10s);
  EXPECT_GE(lane.plan().max_rows, 20);
}

TEST(BatchPlannerTest, AsFewThreadsAsAreNeededWhereBatchesAreCheaper) {
  Simulation lane(kGains, {.threads = 4});
  EXPECT_EQ(lane.plan().threads, 4U);
  lane.Offer(600, 5s);
  EXPECT_EQ(lane.plan().threads, 1U);
  EXPECT_LT(lane.P99(), kObjective);
  lane.Offer(0.7 * lane.Capacity(), 2s);
  EXPECT_GE(lane.plan().threads, 3U);
  lane.Forget();
  lane.Offer(0.7 * lane.Capacity(), 10s);
  EXPECT_LT(lane.P99(), kObjective);
}

TEST(BatchPlannerTest, MoreThanCanBeDoneIsRefusedAndTheRestIsInTime) {
  for (const double load : {1.1, 2.0, 5.0}) {
    Simulation lane(kGains, {});
    lane.Offer(load * lane.Capacity(), 5s);
    lane.Forget();
    lane.Offer(load * lane.Capacity(), 20s);
    EXPECT_LT(lane.P99(), kObjective) << load;
    EXPECT_GT(static_cast<double>(lane.answered()), 0.9 * 20 * lane.Capacity()) << load;
  }
}

TEST(BatchPlannerTest, ABurstIsWorkedOffWithinTheObjectiveWithoutRefusals) {
  Simulation lane(kGains, {});
  const double busy = 1.3 * lane.Capacity();
  for (int i = 0; i < 200; ++i) {
    lane.Offer(busy, 25ms);
    lane.Offer(1, 25ms);
  }
  EXPECT_LT(lane.P99(), kObjective);
  EXPECT_LT(static_cast<double>(lane.refused()), 0.02 * static_cast<double>(lane.answered()));
}

TEST(BatchPlannerTest, LessIsPromisedWhileAnswersAreLate) {
  BatchPlanner planner({.objective = kObjective, .max_rows = 64, .threads = 1},
                       {.run_time = 2ms, .batches = {{.rows = 64, .time = 12ms}}},
                       base::SteadyTime(1h));
  const nanoseconds first = planner.promise();
  base::SteadyTime now(1h);
  const auto run = [&](nanoseconds answered, int times) {
    for (int i = 0; i < times; ++i) {
      planner.Answered(answered);
      planner.Ran(1, 2ms, now += 20ms);
    }
  };
  run(28ms, 200);
  EXPECT_LT(planner.promise(), first / 2 + 1ms);
  EXPECT_GE(planner.promise(), kObjective * 3 / 10 - 1us);
  run(5ms, 2000);
  EXPECT_GE(planner.promise(), first);
}

TEST(BatchPlannerTest, RowsThatCannotBeDividedRunAlone) {
  BatchPlanner planner({.objective = kObjective, .max_rows = 64, .threads = 1},
                       {.run_time = 2ms, .batches = {{.rows = 64, .time = 12ms}}},
                       base::SteadyTime(1h));
  EXPECT_EQ(planner.plan().max_rows, 64);
  planner.StopBatching();
  EXPECT_EQ(planner.plan().max_rows, 1);
}

TEST(BatchPlannerTest, AnAnswerWaitsForTheRunAndTheFullBatchesBeforeIt) {
  const BatchPlanner planner({.objective = kObjective, .max_rows = 4, .threads = 2},
                             {.run_time = 2ms, .batches = {{.rows = 4, .time = 5ms}}},
                             base::SteadyTime(1h));
  EXPECT_EQ(planner.AnswerBehind({}), 2ms);
  EXPECT_EQ(planner.AnswerBehind({.queued_rows = 3, .running_rows = 4, .running = 1}), 5ms);
  EXPECT_EQ(planner.AnswerBehind({.queued_rows = 3, .running_rows = 8, .running = 2}), 10ms);
  EXPECT_EQ(
      planner.AnswerBehind({.queued_rows = 3, .running_rows = 8, .running = 2, .run_for = 4ms}),
      6ms);
  EXPECT_EQ(
      planner.AnswerBehind({.queued_rows = 3, .running_rows = 8, .running = 2, .run_for = 1h}),
      5ms);
  EXPECT_EQ(planner.WaitBehind({.queued_rows = 9, .running_rows = 8, .running = 2}), 10ms);
  EXPECT_EQ(planner.AnswerBehind({.queued_rows = 9, .running_rows = 8, .running = 2}), 13ms);
}

}  // namespace
}  // namespace slipway::inference

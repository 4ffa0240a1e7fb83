#include "inference/overload_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <queue>
#include <random>
#include <vector>

#include "base/clock.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

struct Lane {
  const char* name;
  size_t threads;
  size_t max_batch;       // calls of one row
  nanoseconds alone;      // time of a batch of one
  nanoseconds each_more;  // of each further row
};

// What a queue lane does with the calls that come, at simulated times: the same order of what the
// detector is told, and the same limit. Calls of one row that fit together.
class Simulation {
 public:
  explicit Simulation(const Lane& lane) : lane_(lane), idle_(lane.threads) {}

  double Capacity() const {  // calls in a second
    const double batch = Seconds(RunTime(lane_.max_batch)).count();
    return static_cast<double>(lane_.max_batch * lane_.threads) / batch;
  }
  nanoseconds FullRun() const { return RunTime(lane_.max_batch); }
  void SlowDown(int factor) { factor_ = factor; }

  // Calls come at random times, `load` times as many as can be done at the factor of 1.
  void Offer(double load, nanoseconds duration) {
    std::exponential_distribution<double> gap(load * Capacity() * factor_);
    const base::SteadyTime end = now_ + duration;
    while (true) {
      const base::SteadyTime next =
          now_ + std::chrono::duration_cast<nanoseconds>(Seconds(gap(random_)));
      if (next >= end) break;
      WorkUntil(next);
      Come();
    }
    WorkUntil(end);
  }
  void Burst(size_t calls) {
    for (size_t i = 0; i < calls; ++i) Come();
  }
  // Clients that ask again as soon as they have an answer.
  void CloseLoop(size_t clients, nanoseconds duration) {
    again_ = true;
    const base::SteadyTime end = now_ + duration;
    Burst(clients);
    WorkUntil(end);
    again_ = false;
  }
  void Rest(nanoseconds duration) { WorkUntil(now_ + duration); }

  struct Counts {
    size_t came = 0;
    size_t answered = 0;
    size_t refused = 0;
    size_t shed = 0;
    size_t refused_for_nothing = 0;  // while a thread had nothing to do, now or next
    nanoseconds longest{0};          // to an answer
  };
  // Since the last call of it.
  Counts Take() { return std::exchange(counts_, {}); }
  bool overloaded() const { return detector_.overloaded(); }

 private:
  struct Run {
    base::SteadyTime end;
    std::vector<base::SteadyTime> arrived;
    bool operator>(const Run& other) const { return end > other.end; }
  };

  nanoseconds RunTime(size_t calls) const {
    return factor_ * (lane_.alone + static_cast<int64_t>(calls - 1) * lane_.each_more);
  }
  bool LongEnough() const {
    return queue_.size() >= lane_.threads && ahead_ >= 2 * lane_.threads * (1 + lane_.max_batch);
  }
  void Come() {
    ++counts_.came;
    if (detector_.overloaded() && LongEnough()) {
      detector_.Came();
      ++counts_.refused;
      if (idle_ > 0) ++counts_.refused_for_nothing;
      return;
    }
    detector_.Taken(now_);
    detector_.Came();
    queue_.push_back(now_);
    ++ahead_;
    if (idle_ == 0) return;
    --idle_;
    detector_.Wakes(now_);
    StartRun();
  }
  void StartRun() {
    const size_t calls = std::min(queue_.size(), lane_.max_batch);
    Run run{.end = now_ + RunTime(calls), .arrived = {}};
    for (size_t i = 0; i < calls; ++i) {
      run.arrived.push_back(queue_.front());
      queue_.pop_front();
    }
    runs_.push(run);
    if (!detector_.Left(calls, queue_.size(), now_)) return;
    while (LongEnough()) {
      queue_.pop_back();
      --ahead_;
      ++counts_.shed;
    }
  }
  void WorkUntil(base::SteadyTime end) {
    while (!runs_.empty() && runs_.top().end <= end) {
      const Run run = runs_.top();
      runs_.pop();
      now_ = run.end;
      ahead_ -= run.arrived.size();
      for (const base::SteadyTime arrived : run.arrived) {
        ++counts_.answered;
        counts_.longest = std::max(counts_.longest, now_ - arrived);
      }
      if (again_) Burst(run.arrived.size());
      if (queue_.empty()) {
        ++idle_;
        detector_.Rests(now_);
      } else {
        StartRun();
      }
    }
    now_ = end;
  }

  const Lane lane_;
  std::mt19937_64 random_{7};
  base::SteadyTime now_{1h};
  OverloadDetector detector_{lane_.threads, now_};
  int factor_ = 1;
  bool again_ = false;
  size_t idle_;
  size_t ahead_ = 0;
  std::deque<base::SteadyTime> queue_;  // when each came
  std::priority_queue<Run, std::vector<Run>, std::greater<>> runs_;
  Counts counts_;
};

class OverloadTest : public testing::TestWithParam<Lane> {
 protected:
  // Long enough for some hundred full runs.
  nanoseconds Long() const { return std::max<nanoseconds>(20s, 600 * simulation_.FullRun()); }
  // By then an overload of twice what can be done has been found.
  nanoseconds Found() const { return std::max<nanoseconds>(2s, 100 * simulation_.FullRun()); }

  Simulation simulation_{GetParam()};
};

TEST_P(OverloadTest, AtHalfOfWhatCanBeDoneNothingIsRefused) {
  simulation_.Offer(0.5, Long());
  const auto counts = simulation_.Take();
  EXPECT_EQ(counts.refused + counts.shed, 0U) << "of " << counts.came;
}

TEST_P(OverloadTest, AtNineTenthsHardlyAnythingIs) {
  simulation_.Offer(0.9, Long());
  const auto counts = simulation_.Take();
  EXPECT_LE(counts.refused + counts.shed, counts.came / 200) << "of " << counts.came;
}

TEST_P(OverloadTest, ABurstIsWorkedOffHoweverLongThatTakes) {
  simulation_.Offer(0.5, 5s);
  simulation_.Burst(500);
  simulation_.Offer(0.5, Long());
  simulation_.Rest(1s);
  simulation_.Burst(2000);
  simulation_.Rest(10min);
  const auto counts = simulation_.Take();
  EXPECT_EQ(counts.refused + counts.shed, 0U);
  EXPECT_EQ(counts.answered, counts.came);
}

TEST_P(OverloadTest, DuringAnOverloadAnswersAreEarlyAndAsManyAsCanBe) {
  for (const double load : {1.5, 2.0, 10.0}) {
    Simulation simulation(GetParam());
    simulation.Offer(0.5, 2s);
    simulation.Offer(load, Found());
    EXPECT_TRUE(simulation.overloaded()) << load;
    simulation.Take();
    simulation.Offer(load, Long());
    const auto counts = simulation.Take();
    EXPECT_LE(counts.longest, 4 * simulation.FullRun()) << load;
    EXPECT_GE(static_cast<double>(counts.answered),
              0.95 * simulation.Capacity() * Seconds(Long()).count())
        << load;
    EXPECT_EQ(counts.refused_for_nothing, 0U) << load;
  }
}

TEST_P(OverloadTest, ASmallSurplusIsFoundToo) {
  simulation_.Offer(1.2, 10 * Long());
  EXPECT_TRUE(simulation_.overloaded());
}

TEST_P(OverloadTest, AfterAnOverloadAllIsAsBefore) {
  simulation_.Offer(10, Long());
  simulation_.Offer(0.7, Found());
  simulation_.Take();
  simulation_.Offer(0.7, Long());
  EXPECT_EQ(simulation_.Take().refused, 0U);
  simulation_.Offer(10, Long());
  simulation_.Rest(20 * simulation_.FullRun() + 200ms);
  simulation_.Take();
  simulation_.Burst(100);
  EXPECT_EQ(simulation_.Take().refused, 0U);
}

TEST_P(OverloadTest, AModelThatBecomesSlowIsOverloadedUntilItIsQuickAgain) {
  simulation_.Offer(0.5, 5s);
  simulation_.SlowDown(10);
  simulation_.Offer(0.5, 10 * Found());
  simulation_.Take();
  simulation_.Offer(0.5, 10 * Long());
  EXPECT_LE(simulation_.Take().longest, 4 * simulation_.FullRun());
  simulation_.SlowDown(1);
  simulation_.Offer(0.5, 10 * Found());
  simulation_.Take();
  simulation_.Offer(0.5, Long());
  EXPECT_EQ(simulation_.Take().refused, 0U);
}

TEST_P(OverloadTest, ClientsThatWaitForTheirAnswersAreNoOverload) {
  simulation_.CloseLoop(200, Long());
  const auto counts = simulation_.Take();
  EXPECT_EQ(counts.refused + counts.shed, 0U);
}

TEST_P(OverloadTest, ManyHundredsOfThemAre) {
  simulation_.CloseLoop(600, Long());
  EXPECT_GT(simulation_.Take().shed, 200U);
}

INSTANTIATE_TEST_SUITE_P(
    Lanes, OverloadTest,
    testing::Values(
        Lane{.name = "Quick", .threads = 1, .max_batch = 1, .alone = 1ms, .each_more = 0ns},
        Lane{.name = "Slow", .threads = 2, .max_batch = 1, .alone = 200ms, .each_more = 0ns},
        Lane{.name = "Batches", .threads = 1, .max_batch = 16, .alone = 5ms, .each_more = 1ms},
        Lane{.name = "Threads", .threads = 8, .max_batch = 4, .alone = 10ms, .each_more = 5ms}),
    [](const auto& lane) { return lane.param.name; });

}  // namespace
}  // namespace slipway::inference

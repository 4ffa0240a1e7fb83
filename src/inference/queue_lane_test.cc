#include "inference/queue_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "inference/testing/rows_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using engine::FakeEngine;
using tensor::Tensor;
using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::Lt;

// Runs what is posted on the thread that posts it.
class InPlace final : public base::Executor {
 public:
  void Post(Work work) override { work(); }
};

class QueueLaneTest : public testing::Test {
 protected:
  QueueLaneTest() {
    // The first run waits until the test has queued what it wants to be queued.
    auto compute = [this](auto inputs, auto, auto, std::vector<Tensor>& results) {
      const int64_t rows = inputs[0].shape()[0];
      {
        const std::lock_guard lock(mutex_);
        batches_.push_back(rows);
        firsts_.push_back((*inputs[1].template As<int64_t>())[0]);
      }
      if (!started_.try_wait()) started_.count_down();
      gate_.wait();
      clock_.Advance(run_time_);
      if (on_run_) on_run_();
      for (const auto& input : inputs) results.push_back(*Tensor::CopyOf(input));
      return base::OkStatus();
    };
    model_ = std::make_shared<RowsModel>(compute, RunProfile{.run_time = 1h},
                                         ModelRuntime::Options{.queue = {.name = "m"}}, clock_);
    busy_.emplace(*model_, 0.0F);
  }

 public:
  ~QueueLaneTest() override {
    if (!gate_.try_wait()) gate_.count_down();
    WaitIdle();
  }

 protected:
  void WaitIdle() {
    for (size_t left = outstanding_; left > 0; left = outstanding_) outstanding_.wait(left);
  }
  base::Status Enqueue(QueueLane& lane, RowsCall& call) {
    ++outstanding_;
    const base::Status status =
        lane.Enqueue(call, model_, {.loop = &loop_, .outstanding = &outstanding_});
    if (!status.ok()) --outstanding_;
    return status;
  }
  // Lets `lane` begin a run that lasts until Release().
  void Occupy(QueueLane& lane) {
    ASSERT_TRUE(Enqueue(lane, *busy_).ok());
    started_.wait();
  }
  void Release() {
    gate_.count_down();
    WaitIdle();
  }

  base::FakeClock clock_;
  InPlace loop_;
  std::latch started_{1};
  std::latch gate_{1};
  std::mutex mutex_;  // guards batches_ and firsts_
  std::vector<int64_t> batches_;
  std::vector<int64_t> firsts_;
  std::chrono::nanoseconds run_time_{0};
  std::function<void()> on_run_;
  std::shared_ptr<RowsModel> model_;
  std::atomic<size_t> outstanding_ = 0;
  std::optional<RowsCall> busy_;
};

TEST_F(QueueLaneTest, CallsThatWaitedRunTogether) {
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 20, 2);
  RowsCall last(*model_, 3, 2);
  QueueLane lane({.name = "m", .max_rows = 4}, clock_);
  Occupy(lane);
  for (RowsCall* call : {&one, &two, &last}) ASSERT_TRUE(Enqueue(lane, *call).ok());
  EXPECT_EQ(lane.depth(), 3U);
  Release();
  EXPECT_THAT(batches_, ElementsAre(1, 3, 2));
  EXPECT_THAT(two.Numbers(), ElementsAre(20, 21));
  EXPECT_THAT(last.Numbers(), ElementsAre(3, 4));
  EXPECT_EQ(lane.depth(), 0U);
}

TEST_F(QueueLaneTest, ModelsThatGainNothingRunEachCallAlone) {
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 2);
  QueueLane lane({.name = "m", .max_rows = 1}, clock_);
  Occupy(lane);
  for (RowsCall* call : {&one, &two}) ASSERT_TRUE(Enqueue(lane, *call).ok());
  Release();
  EXPECT_THAT(batches_, ElementsAre(1, 1, 1));
}

TEST_F(QueueLaneTest, PriorityComesBeforeArrival) {
  RowsCall usual(*model_, 1);
  RowsCall low(*model_, 2);
  RowsCall high(*model_, 3);
  RowsCall also_high(*model_, 4);
  low.priority = 2;
  high.priority = also_high.priority = 1;
  QueueLane lane({.name = "m"}, clock_);
  Occupy(lane);
  for (RowsCall* call : {&usual, &low, &high, &also_high}) ASSERT_TRUE(Enqueue(lane, *call).ok());
  Release();
  EXPECT_THAT(firsts_, ElementsAre(0, 3, 4, 2, 1));
}

TEST_F(QueueLaneTest, AFullBatchDoesNotWaitForTheDelay) {
  gate_.count_down();
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 2);
  QueueLane lane({.name = "m", .max_rows = 2, .max_delay = 1h}, clock_);
  ASSERT_TRUE(Enqueue(lane, one).ok());
  EXPECT_EQ(one.done, 0);
  ASSERT_TRUE(Enqueue(lane, two).ok());
  WaitIdle();
  EXPECT_THAT(batches_, ElementsAre(2));
}

TEST_F(QueueLaneTest, BatchesHaveThePreferredSizesThatTheWaitingRowsReach) {
  std::deque<RowsCall> calls;
  QueueLane lane({.name = "m", .max_rows = 8, .preferred_rows = {2, 4}}, clock_);
  Occupy(lane);
  for (int i = 1; i <= 7; ++i) {
    ASSERT_TRUE(Enqueue(lane, calls.emplace_back(*model_, static_cast<float>(i))).ok());
  }
  Release();
  EXPECT_THAT(batches_, ElementsAre(1, 4, 2, 1));
}

TEST_F(QueueLaneTest, APreferredSizeDoesNotWaitForTheDelay) {
  gate_.count_down();
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 2);
  QueueLane lane({.name = "m", .max_rows = 8, .max_delay = 1h, .preferred_rows = {2}}, clock_);
  ASSERT_TRUE(Enqueue(lane, one).ok());
  EXPECT_EQ(one.done, 0);
  ASSERT_TRUE(Enqueue(lane, two).ok());
  WaitIdle();
  EXPECT_THAT(batches_, ElementsAre(2));
}

TEST_F(QueueLaneTest, AFullQueueHasAPlaceForAClientWithFewerCalls) {
  QueueLane lane({.name = "m", .max_queued = 3}, clock_);
  Occupy(lane);
  std::deque<RowsCall> many;
  for (const float first : {1.0F, 2.0F, 3.0F}) {
    many.emplace_back(*model_, first).client = 1;
    ASSERT_TRUE(Enqueue(lane, many.back()).ok());
  }
  RowsCall one_more(*model_, 4);
  one_more.client = 1;
  EXPECT_THAT(lane.Admit(one_more).message(), HasSubstr("its queue is full (3 requests wait)"));
  EXPECT_FALSE(Enqueue(lane, one_more).ok());
  RowsCall other(*model_, 5);
  other.client = 2;
  EXPECT_TRUE(lane.Admit(other).ok());
  ASSERT_TRUE(Enqueue(lane, other).ok());
  EXPECT_EQ(lane.depth(), 3U);
  EXPECT_EQ(many.back().done, 1);
  EXPECT_EQ(many.back().status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(many.back().status.message(), HasSubstr("its place in the queue went to a request"));
  Release();
  EXPECT_THAT(firsts_, ElementsAre(0, 1, 5, 2));
  EXPECT_EQ(lane.EstimatedWait(), 0ms);
}

TEST_F(QueueLaneTest, WithoutFairSharesFirstComeIsFirstServed) {
  QueueLane lane({.name = "m", .max_queued = 2, .fair_share = false}, clock_);
  Occupy(lane);
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 2);
  RowsCall other(*model_, 3);
  other.client = 2;
  ASSERT_TRUE(Enqueue(lane, one).ok());
  ASSERT_TRUE(Enqueue(lane, two).ok());
  EXPECT_FALSE(Enqueue(lane, other).ok());
  Release();
  EXPECT_THAT(firsts_, ElementsAre(0, 1, 2));
}

TEST_F(QueueLaneTest, ADeadlineIsHeldAgainstTheCallsOwnPlace) {
  QueueLane lane({.name = "m", .run_time = 10ms}, clock_);
  Occupy(lane);
  std::deque<RowsCall> many;
  for (int i = 0; i < 5; ++i) {
    many.emplace_back(*model_, 1.0F).client = 1;
    ASSERT_TRUE(Enqueue(lane, many.back()).ok());
  }
  RowsCall hurried(*model_, 2);
  hurried.deadline = {clock_.SteadyNow() + 35ms};
  hurried.client = 1;
  EXPECT_THAT(lane.Admit(hurried).message(), HasSubstr("an answer would take about 70 ms"));
  hurried.client = 2;  // one runs, one is before it
  EXPECT_TRUE(lane.Admit(hurried).ok());
  ASSERT_TRUE(Enqueue(lane, hurried).ok());
  Release();
}

TEST_F(QueueLaneTest, StaleCallsAreNotPartOfABatch) {
  RowsCall expired(*model_, 1);
  RowsCall abandoned(*model_, 2);
  RowsCall good(*model_, 3);
  expired.deadline = {clock_.SteadyNow() + 1ms};
  run_time_ = 2ms;
  QueueLane lane({.name = "m", .max_rows = 4}, clock_);
  Occupy(lane);
  for (RowsCall* call : {&expired, &abandoned, &good}) ASSERT_TRUE(Enqueue(lane, *call).ok());
  abandoned.abandoned = true;
  Release();
  EXPECT_EQ(expired.status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(abandoned.status.code(), StatusCode::kCancelled);
  EXPECT_TRUE(good.status.ok());
  EXPECT_THAT(batches_, ElementsAre(1, 1));
}

TEST_F(QueueLaneTest, DeadlinesThatCannotBeMetAreRefusedAtOnceWithTheEstimate) {
  RowsCall waiting(*model_, 1);
  RowsCall hurried(*model_, 2);
  RowsCall patient(*model_, 3);
  QueueLane lane({.name = "m", .run_time = 10ms}, clock_);
  hurried.deadline = {clock_.SteadyNow() + 5ms};
  EXPECT_TRUE(lane.Admit(hurried).ok());  // nothing is ahead: tried, whatever the estimate
  Occupy(lane);
  ASSERT_TRUE(Enqueue(lane, waiting).ok());
  hurried.deadline = {clock_.SteadyNow() + 25ms};
  const base::Status refused = Enqueue(lane, hurried);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(),
              HasSubstr("overloaded: an answer would take about 30 ms, the deadline is in 25 ms"));
  patient.deadline = {clock_.SteadyNow() + 40ms};
  EXPECT_TRUE(Enqueue(lane, patient).ok());
  Release();
  EXPECT_TRUE(patient.status.ok());
  EXPECT_EQ(hurried.done, 0);
}

TEST_F(QueueLaneTest, ADeadlineNearerThanAnyRunIsRefusedAlsoWhenNothingIsAhead) {
  gate_.count_down();
  run_time_ = 10ms;
  QueueLane lane({.name = "m", .run_time = 1ms}, clock_);
  const auto enqueue = [&](RowsCall& call, std::chrono::nanoseconds deadline) {
    call.deadline = {clock_.SteadyNow() + deadline};
    const base::Status status = Enqueue(lane, call);
    WaitIdle();
    return status;
  };
  std::deque<RowsCall> calls;
  for (int i = 0; i < 6; ++i) calls.emplace_back(*model_, static_cast<float>(i));
  EXPECT_TRUE(enqueue(calls[0], 5ms).ok());  // nobody knows yet
  const base::Status refused = enqueue(calls[1], 9ms);
  EXPECT_EQ(refused.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(refused.message(),
              HasSubstr("lately every run took at least 10 ms, and the deadline is in 9 ms"));
  run_time_ = 30ms;
  EXPECT_TRUE(enqueue(calls[2], 10ms).ok());  // one run may be quicker than another
  EXPECT_FALSE(enqueue(calls[3], 11ms).ok());
  EXPECT_TRUE(enqueue(calls[3], 12ms).ok());
  clock_.Advance(1001ms);
  EXPECT_TRUE(enqueue(calls[4], 1ms).ok());  // that was long ago
  EXPECT_FALSE(enqueue(calls[5], 1ms).ok());
  EXPECT_EQ(batches_.size(), 4U);
}

TEST_F(QueueLaneTest, NothingIsTakenThatWouldMissTheObjective) {
  RowsCall first(*model_, 1);
  RowsCall second(*model_, 2);
  QueueLane lane({.name = "m", .objective = 25ms, .run_time = 10ms}, clock_);
  Occupy(lane);
  EXPECT_TRUE(Enqueue(lane, first).ok());
  const base::Status refused = Enqueue(lane, second);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(), HasSubstr("the objective is 25 ms"));
  Release();
  EXPECT_TRUE(lane.Admit(second).ok());
}

TEST_F(QueueLaneTest, AnObjectiveChoosesWithinWhatIsSet) {
  QueueLane lane({.name = "m",
                  .threads = 2,
                  .max_rows = 16,
                  .objective = 25ms,
                  .adapt = true,
                  .batches = {{.rows = 4, .time = 5ms}, {.rows = 16, .time = 20ms}},
                  .run_time = 2ms},
                 clock_);
  EXPECT_EQ(lane.plan().window, 0ns);
  EXPECT_EQ(lane.plan().max_rows, 8);  // 10 ms
  EXPECT_EQ(lane.plan().threads, 2U);
  lane.StopBatching();
  EXPECT_EQ(lane.plan().max_rows, 1);
}

TEST_F(QueueLaneTest, WhatAQueueMayTakeOfTheObjectiveIsNamedInTheRefusal) {
  RowsCall first(*model_, 1);
  RowsCall second(*model_, 2);
  QueueLane lane({.name = "m", .objective = 30ms, .adapt = true, .run_time = 10ms}, clock_);
  Occupy(lane);
  EXPECT_TRUE(Enqueue(lane, first).ok());
  EXPECT_EQ(lane.EstimatedWait(), 20ms);
  EXPECT_THAT(Enqueue(lane, second).message(),
              HasSubstr("about 30 ms, the objective is 30 ms, of which a queue may take 21 ms"));
  clock_.Advance(9500us);  // of the run
  EXPECT_TRUE(Enqueue(lane, second).ok());
  Release();
  EXPECT_TRUE(second.status.ok());
}

TEST_F(QueueLaneTest, WithAPlanEveryCallIsRun) {
  gate_.count_down();
  std::deque<RowsCall> calls;
  QueueLane lane({.name = "m",
                  .threads = 3,
                  .max_rows = 8,
                  .objective = 100ms,
                  .adapt = true,
                  .batches = {{.rows = 8, .time = 2us}},
                  .run_time = 1us},
                 clock_);
  run_time_ = 1ms;
  Occupy(lane);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(Enqueue(lane, calls.emplace_back(*model_, static_cast<float>(i))).ok());
    if (i % 50 == 0) WaitIdle();
  }
  WaitIdle();
  for (const RowsCall& call : calls) EXPECT_EQ(call.done, 1);
  EXPECT_EQ(std::accumulate(batches_.begin(), batches_.end(), int64_t{0}), 2001);
}

// Offers some calls, five, during each run, of 20 ms, of the first hundred.
class OverloadedLaneTest : public QueueLaneTest {
 protected:
  OverloadedLaneTest() { run_time_ = 20ms; }

  void Overload(QueueLane& lane) {
    gate_.count_down();
    on_run_ = [this, &lane] {
      niceness_.push_back(getpriority(PRIO_PROCESS, 0));
      if (++runs_ > overloaded_runs_) return;
      for (int i = 0; i < calls_per_run_ + (runs_ % 10 == 0 ? calls_per_ten_runs_ : 0); ++i) {
        const base::Status status = Enqueue(lane, calls_.emplace_back(*model_, 1.0F));
        if (status.ok()) continue;
        calls_.pop_back();
        refusals_.push_back(status.message());
      }
      longest_queue_ = std::max(longest_queue_, lane.depth());
      was_overloaded_ = was_overloaded_ || lane.overloaded();
      if (runs_ > 50) late_queue_ = std::max(late_queue_, lane.depth());
    };
    ASSERT_TRUE(Enqueue(lane, *busy_).ok());
    WaitIdle();
    for (const RowsCall& call : calls_) {
      EXPECT_EQ(call.done, 1);
      if (call.status.ok()) continue;
      EXPECT_EQ(call.status.code(), StatusCode::kResourceExhausted);
      shed_.push_back(call.status.message());
    }
  }

  int overloaded_runs_ = 100;
  int calls_per_run_ = 5;
  int calls_per_ten_runs_ = 0;  // more
  int runs_ = 0;
  std::deque<RowsCall> calls_;  // that were taken
  std::vector<int> niceness_;   // of the thread, in each run
  std::vector<std::string> refusals_;
  std::vector<std::string> shed_;
  size_t longest_queue_ = 0;
  size_t late_queue_ = 0;
  bool was_overloaded_ = false;
};

TEST_F(OverloadedLaneTest, WhatComesTooMuchIsRefusedAndTheQueueCut) {
  QueueLane lane({.name = "m", .run_time = 20ms}, clock_);
  Overload(lane);
  EXPECT_TRUE(was_overloaded_);
  EXPECT_GT(longest_queue_, 30U);  // until the overload was found
  EXPECT_LE(late_queue_, 3U);
  ASSERT_FALSE(refusals_.empty());
  EXPECT_THAT(refusals_.back(), HasSubstr("more requests come than can be done; an answer would"));
  EXPECT_GT(shed_.size(), 30U);
  EXPECT_THAT(shed_.back(), HasSubstr("that came last were not run"));
  EXPECT_EQ(lane.depth(), 0U);
  EXPECT_EQ(lane.EstimatedWait(), 0ms);
}

TEST_F(OverloadedLaneTest, WhatHasWaitedAndWillBeAnsweredSoonStays) {
  run_time_ = 1ms;
  overloaded_runs_ = 3000;
  calls_per_run_ = calls_per_ten_runs_ = 1;  // a tenth more than can be done
  QueueLane lane({.name = "m", .objective = 1s, .run_time = 1ms}, clock_);
  Overload(lane);
  EXPECT_TRUE(was_overloaded_);
  EXPECT_GT(longest_queue_, 50U);  // nearly all of which had waited for longer than 4 ms
  EXPECT_THAT(shed_.size(), AllOf(Gt(0U), Lt(10U)));
  EXPECT_FALSE(refusals_.empty());
  EXPECT_LE(lane.depth(), 3U);
}

TEST_F(OverloadedLaneTest, UnlessThatIsTurnedOff) {
  QueueLane lane({.name = "m", .shed_overload = false, .run_time = 20ms}, clock_);
  Overload(lane);
  EXPECT_FALSE(was_overloaded_);
  EXPECT_TRUE(refusals_.empty());
  EXPECT_TRUE(shed_.empty());
  EXPECT_EQ(batches_.size(), 1 + calls_.size());
}

TEST_F(OverloadedLaneTest, HalfOfAnObjectiveIsPromised) {
  QueueLane lane({.name = "m", .objective = 120ms, .run_time = 20ms}, clock_);
  Overload(lane);
  EXPECT_TRUE(was_overloaded_);
  EXPECT_THAT(refusals_.front(), HasSubstr("the objective is 120 ms"));
  EXPECT_THAT(refusals_.back(), HasSubstr("more requests come than can be done"));
  EXPECT_GE(longest_queue_, 5U);
  EXPECT_LE(late_queue_, 2U);
}

TEST_F(OverloadedLaneTest, ItsThreadsGiveWayUntilItIsOver) {
  const int ours = getpriority(PRIO_PROCESS, 0);
  if (ours == 19) GTEST_SKIP() << "runs at the lowest priority already";
  QueueLane lane({.name = "m", .run_time = 20ms}, clock_);
  Overload(lane);
  EXPECT_EQ(niceness_.front(), ours);
  EXPECT_GT(niceness_.back(), ours);
  // The thread that rests now runs the next call; then it leaves, when it comes to that.
  clock_.Advance(1s);
  for (int i = 0; i < 5000 && niceness_.back() != ours; ++i) {
    std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(Enqueue(lane, calls_.emplace_back(*model_, 1.0F)).ok());
    WaitIdle();
  }
  EXPECT_EQ(niceness_.back(), ours);
  EXPECT_FALSE(lane.overloaded());
}

TEST_F(OverloadedLaneTest, ThreadsThatDoNotShedDoNotGiveWay) {
  const int ours = getpriority(PRIO_PROCESS, 0);
  QueueLane lane({.name = "m", .shed_overload = false, .run_time = 20ms}, clock_);
  Overload(lane);
  EXPECT_THAT(niceness_, testing::Each(ours));
}

TEST_F(QueueLaneTest, ARunThatHangsIsStoppedAndIsTheModelsFault) {
  auto hang = [this](auto, auto, base::Deadline deadline, auto&) {
    clock_.Advance(deadline.at - clock_.SteadyNow());
    return base::DeadlineExceeded("stopped");
  };
  const auto model = std::make_shared<RowsModel>(
      hang, RunProfile{.run_time = 1h}, ModelRuntime::Options{.queue = {.name = "m"}}, clock_);
  RowsCall patient(*model, 1);
  RowsCall hurried(*model, 2);
  hurried.deadline = {clock_.SteadyNow() + 3s + 500ms};
  QueueLane lane({.name = "m", .max_rows = 1, .max_run_time = 3s}, clock_);
  for (RowsCall* call : {&patient, &hurried}) {
    ++outstanding_;
    ASSERT_TRUE(lane.Enqueue(*call, model, {.loop = &loop_, .outstanding = &outstanding_}).ok());
  }
  WaitIdle();
  EXPECT_EQ(patient.status.code(), StatusCode::kInternal);
  EXPECT_THAT(patient.status.message(), HasSubstr("stopped after 3 s, which is longer than"));
  EXPECT_EQ(hurried.status.code(), StatusCode::kDeadlineExceeded);  // its own
}

TEST_F(QueueLaneTest, ItsThreadsHaveThePriorityThatIsSet) {
  const int ours = getpriority(PRIO_PROCESS, 0);
  if (ours == 19) GTEST_SKIP() << "runs at the lowest priority already";
  int theirs = ours;
  on_run_ = [&] { theirs = getpriority(PRIO_PROCESS, 0); };
  QueueLane lane({.name = "m", .nice = 1}, clock_);
  Occupy(lane);
  Release();
  EXPECT_EQ(theirs, ours + 1);
}

TEST_F(QueueLaneTest, EstimatesFollowWhatRunsTake) {
  RowsCall next(*model_, 1);
  run_time_ = 90ms;
  QueueLane lane({.name = "m", .run_time = 10ms}, clock_);
  Occupy(lane);
  EXPECT_EQ(lane.EstimatedWait(), 10ms);
  Release();
  EXPECT_EQ(lane.EstimatedWait(), 0ms);
  std::chrono::nanoseconds during{0};
  on_run_ = [&] { during = lane.EstimatedWait(); };
  ASSERT_TRUE(Enqueue(lane, next).ok());
  WaitIdle();
  EXPECT_EQ(during, 20ms);  // an eighth of the way from 10 to 90
}

}  // namespace
}  // namespace slipway::inference

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/fake_clock.h"
#include "base/testing/manual_executor.h"
#include "inference/dispatcher.h"
#include "inference/sequence_table.h"
#include "inference/testing/sequence_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr RunProfile kInline{.run_time = 1us};
constexpr RunProfile kQueue{.run_time = 10ms};

// Keeps the next run of a model inside it until it is released.
struct HeldRun {
  explicit HeldRun(SequenceModel& model) {
    model.during_run = [this](float) {
      running.count_down();
      release.wait();
    };
  }

  std::latch running{1};
  std::latch release{1};
};

class SequenceTest : public testing::Test {
 public:
  ~SequenceTest() override { table_->Close(); }

 protected:
  std::shared_ptr<SequenceModel> Make(int64_t version, const RunProfile& profile,
                                      const std::string& input = "x") {
    options_.sequences = table_;
    return std::make_shared<SequenceModel>(version, options_, profile, clock_, input);
  }
  void Publish(std::vector<lifecycle::ModelHandle> versions) {
    publisher_.Publish(std::make_shared<lifecycle::Snapshot>(
        std::vector<lifecycle::Snapshot::Model>{{.name = "m", .versions = std::move(versions)}}));
  }
  std::shared_ptr<SequenceModel> Serve(const RunProfile& profile = kInline, int64_t version = 1) {
    auto model = Make(version, profile);
    Publish({model});
    return model;
  }
  void Submit(SequenceCall& call, std::optional<int64_t> version = std::nullopt) {
    call.Fill();
    ASSERT_TRUE(dispatcher_.Resolve("m", version, call).ok());
    dispatcher_.Submit(call);
  }
  void RunUntilDone(const SequenceCall& call) {
    loop_.RunUntil([&] { return call.done > 0; });
  }
  SequenceCall& Ask(uint64_t id, float x, bool start = false, bool end = false) {
    auto call = std::make_unique<SequenceCall>(id, x, start, end);
    Submit(*call);
    RunUntilDone(*call);
    EXPECT_EQ(call->done, 1);
    return *calls_.emplace_back(std::move(call));
  }
  SequenceCall& Start(uint64_t id, float x) { return Ask(id, x, true); }
  SequenceCall& End(uint64_t id, float x) { return Ask(id, x, false, true); }

  base::FakeClock clock_;
  base::ManualExecutor loop_;
  ModelRuntime::Options options_;
  std::shared_ptr<SequenceTable> table_ = std::make_shared<SequenceTable>(
      SequenceTable::Options{.max_sequences = 3, .idle_timeout = 10s, .max_waiting = 2}, clock_);
  lifecycle::SnapshotPublisher publisher_;
  std::vector<std::unique_ptr<SequenceCall>> calls_;
  Dispatcher dispatcher_{publisher_, loop_, clock_, 0};
};

TEST_F(SequenceTest, EachSequenceHasItsOwnState) {
  Serve();
  EXPECT_EQ(Start(7, 1).y, 1);
  EXPECT_EQ(Start(8, 100).y, 100);
  EXPECT_EQ(Ask(7, 2).y, 3);
  EXPECT_EQ(Ask(8, 5).y, 105);
  EXPECT_EQ(End(7, 4).y, 7);
  EXPECT_EQ(Ask(8, 1).y, 106);
  EXPECT_EQ(calls_.back()->result_count, 1U) << "the state is no result";
  EXPECT_EQ(table_->usage().live, 1U);
  const SequenceCall& ended = Ask(7, 1);
  EXPECT_EQ(ended.code, StatusCode::kFailedPrecondition);
  EXPECT_EQ(ended.message,
            "model 'm' version 1: sequence 7 is not there: it never started, was idle for longer "
            "than 10 s, or has ended; its first request says 'sequence_start'");
}

TEST_F(SequenceTest, IdsMayBeTextAndAreNotTheNumbersThatTheyLookLike) {
  Serve();
  SequenceCall text(0, 1, true);
  text.sequence.text = "7";
  Submit(text);
  EXPECT_EQ(text.y, 1);
  EXPECT_EQ(Ask(7, 1).code, StatusCode::kFailedPrecondition);
  SequenceCall next(0, 1);
  next.sequence.text = "7";
  Submit(next);
  EXPECT_EQ(next.y, 2);
}

TEST_F(SequenceTest, RequestsThatCannotBeOfASequenceAreRefused) {
  const auto model = Serve();
  EXPECT_THAT(Start(0, 1).message, HasSubstr("expected the parameter 'sequence_id'"));
  SequenceCall longest(0, 1, true);
  const std::string text(129, 'x');
  longest.sequence.text = text;
  Submit(longest);
  EXPECT_THAT(longest.message, HasSubstr("at most 128 bytes, got 129"));
  SequenceCall rows(7, 1, true);
  rows.AddRow(2);
  Submit(rows);
  EXPECT_EQ(rows.code, StatusCode::kInvalidArgument);
  EXPECT_THAT(rows.message, HasSubstr("one row, got 2"));
  EXPECT_EQ(model->runs(), 0);
  EXPECT_EQ(table_->usage().live, 0U);
}

TEST_F(SequenceTest, AFailedRunLeavesTheStateAsItWas) {
  const auto model = Serve();
  model->fail = true;
  EXPECT_EQ(Start(7, 1).code, StatusCode::kInternal);
  EXPECT_EQ(table_->usage().live, 0U) << "it has not started";
  model->fail = false;
  Start(7, 1);
  model->fail = true;
  EXPECT_EQ(Ask(7, 2).code, StatusCode::kInternal);
  EXPECT_EQ(End(7, 2).code, StatusCode::kInternal);
  EXPECT_EQ(Start(7, 2).code, StatusCode::kInternal);
  model->fail = false;
  EXPECT_EQ(Ask(7, 4).y, 5);
  SequenceCall late(7, 1);
  late.deadline = {clock_.SteadyNow()};
  Submit(late);
  EXPECT_EQ(late.code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Ask(7, 8).y, 13);
}

TEST_F(SequenceTest, StartOnARunningSequenceBeginsAnew) {
  Serve();
  Start(7, 1);
  EXPECT_EQ(Start(7, 10).y, 10);
  EXPECT_EQ(Ask(7, 1).y, 11);
  EXPECT_EQ(table_->usage().live, 1U);
}

TEST_F(SequenceTest, AStateThatChangesItsShapeIsAFailure) {
  const auto model = Serve();
  Start(7, 1);
  model->grow = true;
  const SequenceCall& grown = Ask(7, 1);
  EXPECT_EQ(grown.code, StatusCode::kInternal);
  EXPECT_THAT(grown.message, HasSubstr("state 'total' became FP32[2]: expected FP32[1]"));
  model->grow = false;
  EXPECT_EQ(Ask(7, 1).y, 2);
}

TEST_F(SequenceTest, IdleSequencesAreForgotten) {
  Serve();
  Start(7, 1);
  clock_.Advance(10s);
  EXPECT_EQ(Ask(7, 1).y, 2);
  clock_.Advance(10s + 1ns);
  EXPECT_EQ(Ask(7, 1).code, StatusCode::kFailedPrecondition);
  EXPECT_EQ(table_->usage().evicted, 1U);
  EXPECT_EQ(table_->usage().live, 0U);
}

TEST_F(SequenceTest, OnlySoManySequencesAreTaken) {
  Serve();
  for (const uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(Start(id, 1).y, 1);
    clock_.Advance(4s);
  }
  EXPECT_EQ(Ask(2, 1).y, 2);
  // The first has been idle for too long.
  EXPECT_EQ(Start(4, 1).y, 1);
  const SequenceCall& full = Start(5, 1);
  EXPECT_EQ(full.code, StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message, HasSubstr("it has 3 sequences, as many as it may"));
  End(2, 1);
  EXPECT_EQ(Start(5, 1).y, 1);
}

TEST_F(SequenceTest, RequestsOfOneSequenceRunOneAfterTheOther) {
  options_.queue.threads = 4;
  const auto model = Serve(kQueue);
  std::mutex mutex;
  int inside = 0;
  int most = 0;
  std::vector<float> order;
  std::latch running(1);
  std::latch release(1);
  model->during_run = [&](float x) {
    {
      const std::lock_guard lock(mutex);
      most = std::max(most, ++inside);
      order.push_back(x);
    }
    if (x == 1) {
      running.count_down();
      release.wait();
    }
    const std::lock_guard lock(mutex);
    --inside;
  };
  SequenceCall first(7, 1, true);
  SequenceCall second(7, 2);
  SequenceCall third(7, 4, false, true);
  SequenceCall fourth(7, 8);
  Submit(first);
  running.wait();
  Submit(second);
  Submit(third);
  Submit(fourth);
  EXPECT_EQ(fourth.code, StatusCode::kResourceExhausted);
  EXPECT_THAT(fourth.message, HasSubstr("2 requests wait for their turn"));
  release.count_down();
  RunUntilDone(third);
  EXPECT_THAT(order, ElementsAre(1, 2, 4));
  EXPECT_EQ(most, 1);
  EXPECT_EQ(second.y, 3);
  EXPECT_EQ(third.y, 7);
  EXPECT_EQ(table_->usage().live, 0U);
  dispatcher_.WaitIdle();
}

TEST_F(SequenceTest, WhatWaitsBehindAStartThatFailsIsToldThatNothingStarted) {
  const auto model = Serve(kQueue);
  model->fail = true;
  HeldRun held(*model);
  SequenceCall first(7, 1, true);
  SequenceCall second(7, 2);
  Submit(first);
  held.running.wait();
  Submit(second);
  held.release.count_down();
  RunUntilDone(second);
  EXPECT_EQ(second.code, StatusCode::kFailedPrecondition);
  EXPECT_EQ(model->runs(), 1);
  EXPECT_EQ(table_->usage().live, 0U);
  dispatcher_.WaitIdle();
}

TEST_F(SequenceTest, TheLoopsEndIsNotHeldUpByThoseThatWait) {
  const auto model = Serve(kQueue);
  HeldRun held(*model);
  SequenceCall first(7, 1, true);
  SequenceCall second(7, 2);
  Submit(first);
  held.running.wait();
  Submit(second);
  held.release.count_down();
  dispatcher_.WaitIdle();
  EXPECT_EQ(second.done, 0);
}

TEST_F(SequenceTest, DifferentSequencesRunTogether) {
  const auto model = Serve({.run_time = 1us, .batches = {{.rows = 4, .time = 1us}}});
  SequenceCall one(1, 1, true);
  SequenceCall two(2, 2, true);
  Submit(one);
  Submit(two);
  RunUntilDone(two);
  EXPECT_EQ(model->runs(), 1);
  EXPECT_EQ(one.y, 1);
  EXPECT_EQ(two.y, 2);
  SequenceCall one_again(1, 10);
  SequenceCall two_again(2, 20, false, true);
  SequenceCall one_later(1, 100);
  Submit(one_again);
  Submit(two_again);
  Submit(one_later);
  RunUntilDone(one_later);
  EXPECT_EQ(model->runs(), 3) << "two requests of one sequence never run together";
  EXPECT_EQ(one_again.y, 11);
  EXPECT_EQ(two_again.y, 22);
  EXPECT_EQ(one_later.y, 111);
}

TEST_F(SequenceTest, ASequenceStaysWithTheVersionThatItBeganWith) {
  std::weak_ptr<SequenceModel> old = Serve();
  Start(7, 1);
  Start(8, 1);
  Serve(kInline, 2);
  EXPECT_EQ(Start(9, 5).ran_on, 2);
  const SequenceCall& next = Ask(7, 2);
  EXPECT_EQ(next.ran_on, 1);
  EXPECT_EQ(next.y, 3);
  EXPECT_EQ(Start(8, 3).ran_on, 2) << "it begins anew";
  EXPECT_FALSE(old.expired());
  EXPECT_EQ(End(7, 2).ran_on, 1);
  EXPECT_TRUE(old.expired()) << "nobody needs it any more";
}

TEST_F(SequenceTest, AVersionWithOtherInputsCannotTakeItsPlace) {
  Serve();
  Start(7, 1);
  Publish({Make(2, kInline, "z")});
  const SequenceCall& next = Ask(7, 2);
  EXPECT_EQ(next.code, StatusCode::kFailedPrecondition);
  EXPECT_THAT(next.message, HasSubstr("sequence 7 runs on version 1"));
  EXPECT_THAT(next.message, HasSubstr("start it again"));
  EXPECT_EQ(Start(7, 2).ran_on, 2);
}

TEST_F(SequenceTest, AVersionThatIsAskedForMustBeThatOfTheSequence) {
  Publish({Make(1, kInline), Make(2, kInline)});
  SequenceCall on_one(7, 1, true);
  Submit(on_one, 1);
  EXPECT_EQ(on_one.ran_on, 1);
  EXPECT_EQ(Ask(7, 2).ran_on, 1) << "no version was asked for";
  SequenceCall on_two(7, 1);
  Submit(on_two, 2);
  EXPECT_EQ(on_two.code, StatusCode::kInvalidArgument);
  EXPECT_THAT(on_two.message, HasSubstr("sequence 7 runs on version 1: ask for that one"));
  EXPECT_EQ(Ask(7, 4).y, 7);
}

}  // namespace
}  // namespace slipway::inference

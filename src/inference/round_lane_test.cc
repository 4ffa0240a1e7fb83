#include "inference/round_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "base/testing/fake_clock.h"
#include "engine/testing/fake_engine.h"
#include "inference/testing/rows_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using engine::FakeEngine;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorView;
using testing::ElementsAre;

// Runs what was posted when the test says that the round is over.
class ManualRound final : public base::Executor {
 public:
  void Post(Work work) override { work_.push_back(std::move(work)); }
  void End() {
    for (std::deque<Work> work = std::move(work_); !work.empty(); work.pop_front()) work.front()();
  }
  size_t posted() const { return work_.size(); }

 private:
  std::deque<Work> work_;
};

class RoundLaneTest : public testing::Test {
 protected:
  void Load(FakeEngine::Compute compute, int64_t round_rows = 8) {
    model_ = std::make_shared<RowsModel>(std::move(compute), RowsModel::Gains(round_rows),
                                         ModelRuntime::Options{.queue = {.name = "m"}}, clock_);
  }
  void Add(RowsCall& call) {
    ASSERT_TRUE(BatchRun::Fits(call));
    lane_.Add(call, ModelRuntime::Of(*call.model));
  }
  // Copies, but for values of 100 and more.
  static base::Status RefuseHundreds(std::span<const TensorView> inputs, std::span<const size_t>,
                                     base::Deadline, std::vector<Tensor>& results) {
    const std::span<const float> values = *inputs[0].As<float>();
    for (const float x : values) {
      if (x >= 100) return base::InvalidArgument("index out of range");
    }
    for (const TensorView& input : inputs) results.push_back(*Tensor::CopyOf(input));
    return base::OkStatus();
  }

  base::FakeClock clock_;
  ManualRound round_;
  std::shared_ptr<RowsModel> model_;
  RoundLane lane_{round_, clock_};
};

TEST_F(RoundLaneTest, CallsOfARoundRunTogetherAndGetTheirOwnRows) {
  Load(FakeEngine::CopyInputs());
  RowsCall one(*model_, 1);
  RowsCall two(*model_, 20, 2);
  RowsCall three(*model_, 3);
  for (RowsCall* call : {&one, &two, &three}) Add(*call);
  EXPECT_EQ(model_->fake().runs(), 0);
  round_.End();
  EXPECT_EQ(model_->fake().runs(), 1);
  EXPECT_THAT(one.Floats(), ElementsAre(1, 1));
  EXPECT_THAT(two.Floats(), ElementsAre(20, 20, 21, 21));
  EXPECT_THAT(two.Numbers(), ElementsAre(20, 21));
  EXPECT_THAT(three.Numbers(), ElementsAre(3));
  EXPECT_EQ(two.results[0].shape(), tensor::Shape({2, 2}));
  // Together they account for one run of four rows.
  EXPECT_EQ(one.executed_rows + two.executed_rows + three.executed_rows, 4);
  EXPECT_EQ(one.executed_rows, 4);
}

TEST_F(RoundLaneTest, AnswersOutliveTheBatchTheOthersAndTheModel) {
  Load(FakeEngine::CopyInputs());
  std::vector<Tensor> kept;
  {
    RowsCall one(*model_, 1);
    RowsCall two(*model_, 2);
    Add(one);
    Add(two);
    round_.End();
    kept = std::move(two.results);
  }
  model_.reset();
  EXPECT_EQ((*kept.at(0).view().As<float>())[0], 2);
}

TEST_F(RoundLaneTest, ASingleCallRunsAsItCame) {
  Load([](auto inputs, auto, auto, auto& results) {
    results.push_back(*Tensor::CopyOf(inputs[0]));
    EXPECT_EQ(inputs[0].shape(), tensor::Shape({1, 2}));
    return base::OkStatus();
  });
  RowsCall call(*model_, 1);
  Add(call);
  round_.End();
  EXPECT_EQ(call.done, 1);
  EXPECT_EQ(call.executed_rows, 1);
}

TEST_F(RoundLaneTest, FullBatchesAndOtherOutputsMakeGroupsOfTheirOwn) {
  Load(FakeEngine::CopyInputs(), 2);
  RowsCall a(*model_, 1);
  RowsCall b(*model_, 2);
  RowsCall c(*model_, 3);
  for (RowsCall* call : {&a, &b, &c}) Add(*call);
  round_.End();
  EXPECT_EQ(model_->fake().runs(), 2);
  EXPECT_THAT(c.Floats(), ElementsAre(3, 3));

  RowsCall all(*model_, 1);
  RowsCall first(*model_, 2);
  first.outputs = {0};
  Add(all);
  Add(first);
  round_.End();
  EXPECT_EQ(model_->fake().runs(), 4);
}

TEST_F(RoundLaneTest, OnlyTheGuiltyCallFails) {
  Load(RefuseHundreds);
  RowsCall good(*model_, 1);
  RowsCall bad(*model_, 100);
  RowsCall other(*model_, 2);
  for (RowsCall* call : {&good, &bad, &other}) Add(*call);
  round_.End();
  EXPECT_TRUE(good.status.ok());
  EXPECT_THAT(good.Floats(), ElementsAre(1, 1));
  EXPECT_EQ(bad.status.message(), "index out of range");
  EXPECT_THAT(other.Floats(), ElementsAre(2, 2));
}

TEST_F(RoundLaneTest, AModelThatStopsReturningRowsIsRunOneByOne) {
  Load([](auto inputs, auto, auto, auto& results) {
    const tensor::Shape& shape = inputs[0].shape();
    results.push_back(shape[0] == 1 ? *Tensor::CopyOf(inputs[0])
                                    : *Tensor::Allocate(DType::kFp32, {shape[0] - 1, 2}));
    return base::OkStatus();
  });
  RowsCall a(*model_, 1);
  RowsCall b(*model_, 2);
  Add(a);
  Add(b);
  round_.End();
  EXPECT_THAT(b.Floats(), ElementsAre(2, 2));
  EXPECT_EQ(ModelRuntime::Of(*model_).round_rows(), 1);
  EXPECT_EQ(ModelRuntime::Of(*model_).LaneFor(1), LaneKind::kInline);
}

TEST_F(RoundLaneTest, ExpiredAndAbandonedCallsAreNotRun) {
  Load(FakeEngine::CopyInputs());
  RowsCall expired(*model_, 1);
  expired.deadline = {clock_.SteadyNow() + 1ms};
  RowsCall abandoned(*model_, 2);
  RowsCall good(*model_, 3);
  for (RowsCall* call : {&expired, &abandoned, &good}) Add(*call);
  clock_.Advance(2ms);
  abandoned.abandoned = true;
  round_.End();
  EXPECT_EQ(expired.status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(abandoned.status.code(), StatusCode::kCancelled);
  EXPECT_EQ(expired.executed_rows + abandoned.executed_rows, 0);
  EXPECT_THAT(good.Floats(), ElementsAre(3, 3));
  EXPECT_EQ(model_->fake().runs(), 1);
}

TEST_F(RoundLaneTest, CallsThatComeWithAnAnswerAreTheNextRounds) {
  Load(FakeEngine::CopyInputs());
  RowsCall next(*model_, 2);
  RowsCall first(*model_, 1);
  first.on_done = [&] { Add(next); };
  Add(first);
  EXPECT_EQ(round_.posted(), 1U);
  round_.End();
  EXPECT_EQ(next.done, 0);
  round_.End();
  EXPECT_EQ(next.done, 1);
}

TEST_F(RoundLaneTest, AWaitingCallKeepsItsModel) {
  Load(FakeEngine::CopyInputs());
  RowsCall call(*model_, 1);
  Add(call);
  const std::weak_ptr<RowsModel> model = model_;
  model_.reset();
  EXPECT_FALSE(model.expired());
  round_.End();
  EXPECT_EQ(call.done, 1);
  EXPECT_TRUE(model.expired());
}

TEST_F(RoundLaneTest, OnlyWholeRowsFit) {
  Load(FakeEngine::CopyInputs());
  RowsCall call(*model_, 1);
  const std::vector<TensorView> good = call.inputs;
  call.rows = 2;
  EXPECT_FALSE(BatchRun::Fits(call));
  call.rows = 1;
  call.inputs[1] = TensorView();
  EXPECT_FALSE(BatchRun::Fits(call));
  call.inputs = {good[0], good[0]};
  EXPECT_FALSE(BatchRun::Fits(call));
  call.inputs = good;
  EXPECT_TRUE(BatchRun::Fits(call));
}

}  // namespace
}  // namespace slipway::inference

#include "inference/round_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "base/testing/fake_clock.h"
#include "engine/testing/fake_engine.h"

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

class Model final : public lifecycle::LoadedModel {
 public:
  Model(FakeEngine::Compute compute, int64_t round_rows, base::Clock& clock)
      : engine_({.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {-1, 2}},
                            {.name = "n", .dtype = DType::kInt64, .shape = {-1}}},
                 .outputs = {{.name = "y", .dtype = DType::kFp32, .shape = {-1, 2}},
                             {.name = "m", .dtype = DType::kInt64, .shape = {-1}}}},
                std::move(compute)),
        runtime_(std::make_unique<ModelRuntime>(
            ModelRuntime::Options{.queue = {.name = "m"}},
            RunProfile{.run_time = 1us, .round_rows = round_rows}, clock)) {}
  const lifecycle::ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  lifecycle::ModelAttachment* attachment() const override { return runtime_.get(); }
  uint64_t estimated_bytes() const override { return 0; }
  FakeEngine& fake() const { return engine_; }

 private:
  const lifecycle::ModelId id_{"m", 1};
  mutable FakeEngine engine_;
  const lifecycle::ModelConfig config_;
  const std::string digest_ = "sha256:0";
  const std::unique_ptr<ModelRuntime> runtime_;
};

class Call final : public InferCall {
 public:
  // Rows {first, first}, {first + 1, first + 1}, ...
  Call(const Model& of, float first, int64_t count = 1) {
    model = &of;
    rows = count;
    for (int64_t i = 0; i < count; ++i) {
      x_.insert(x_.end(), 2, first + static_cast<float>(i));
      n_.push_back(static_cast<int64_t>(first) + i);
    }
    inputs = {*TensorView::Create(DType::kFp32, {count, 2}, std::as_bytes(std::span(x_))),
              *TensorView::Create(DType::kInt64, {count}, std::as_bytes(std::span(n_)))};
    outputs = {0, 1};
  }
  void OnDone() override {
    ++done;
    if (on_done) on_done();
  }
  std::vector<float> Floats() const {
    const auto values = *results.at(0).view().As<float>();
    return {values.begin(), values.end()};
  }
  std::vector<int64_t> Numbers() const {
    const auto values = *results.at(1).view().As<int64_t>();
    return {values.begin(), values.end()};
  }
  int done = 0;
  std::function<void()> on_done;

 private:
  std::vector<float> x_;
  std::vector<int64_t> n_;
};

class RoundLaneTest : public testing::Test {
 protected:
  void Load(FakeEngine::Compute compute, int64_t round_rows = 8) {
    model_ = std::make_shared<Model>(std::move(compute), round_rows, clock_);
  }
  void Add(Call& call) {
    ASSERT_TRUE(RoundLane::Fits(call));
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
  std::shared_ptr<Model> model_;
  RoundLane lane_{round_, clock_};
};

TEST_F(RoundLaneTest, CallsOfARoundRunTogetherAndGetTheirOwnRows) {
  Load(FakeEngine::CopyInputs());
  Call one(*model_, 1);
  Call two(*model_, 20, 2);
  Call three(*model_, 3);
  for (Call* call : {&one, &two, &three}) Add(*call);
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
    Call one(*model_, 1);
    Call two(*model_, 2);
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
  Call call(*model_, 1);
  Add(call);
  round_.End();
  EXPECT_EQ(call.done, 1);
  EXPECT_EQ(call.executed_rows, 1);
}

TEST_F(RoundLaneTest, FullBatchesAndOtherOutputsMakeGroupsOfTheirOwn) {
  Load(FakeEngine::CopyInputs(), 2);
  Call a(*model_, 1);
  Call b(*model_, 2);
  Call c(*model_, 3);
  for (Call* call : {&a, &b, &c}) Add(*call);
  round_.End();
  EXPECT_EQ(model_->fake().runs(), 2);
  EXPECT_THAT(c.Floats(), ElementsAre(3, 3));

  Call all(*model_, 1);
  Call first(*model_, 2);
  first.outputs = {0};
  Add(all);
  Add(first);
  round_.End();
  EXPECT_EQ(model_->fake().runs(), 4);
}

TEST_F(RoundLaneTest, OnlyTheGuiltyCallFails) {
  Load(RefuseHundreds);
  Call good(*model_, 1);
  Call bad(*model_, 100);
  Call other(*model_, 2);
  for (Call* call : {&good, &bad, &other}) Add(*call);
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
  Call a(*model_, 1);
  Call b(*model_, 2);
  Add(a);
  Add(b);
  round_.End();
  EXPECT_THAT(b.Floats(), ElementsAre(2, 2));
  EXPECT_EQ(ModelRuntime::Of(*model_).round_rows(), 1);
  EXPECT_EQ(ModelRuntime::Of(*model_).LaneFor(1), LaneKind::kInline);
}

TEST_F(RoundLaneTest, ExpiredAndAbandonedCallsAreNotRun) {
  Load(FakeEngine::CopyInputs());
  Call expired(*model_, 1);
  expired.deadline = {clock_.SteadyNow() + 1ms};
  Call abandoned(*model_, 2);
  Call good(*model_, 3);
  for (Call* call : {&expired, &abandoned, &good}) Add(*call);
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
  Call next(*model_, 2);
  Call first(*model_, 1);
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
  Call call(*model_, 1);
  Add(call);
  const std::weak_ptr<Model> model = model_;
  model_.reset();
  EXPECT_FALSE(model.expired());
  round_.End();
  EXPECT_EQ(call.done, 1);
  EXPECT_TRUE(model.expired());
}

TEST_F(RoundLaneTest, OnlyWholeRowsFit) {
  Load(FakeEngine::CopyInputs());
  Call call(*model_, 1);
  const std::vector<TensorView> good = call.inputs;
  call.rows = 2;
  EXPECT_FALSE(RoundLane::Fits(call));
  call.rows = 1;
  call.inputs[1] = TensorView();
  EXPECT_FALSE(RoundLane::Fits(call));
  call.inputs = {good[0], good[0]};
  EXPECT_FALSE(RoundLane::Fits(call));
  call.inputs = good;
  EXPECT_TRUE(RoundLane::Fits(call));
}

}  // namespace
}  // namespace slipway::inference

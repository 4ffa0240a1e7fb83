#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/fake_clock.h"
#include "base/testing/manual_executor.h"
#include "engine/testing/fake_engine.h"
#include "inference/dispatcher.h"
#include "inference/model_runtime.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;

const tensor::Signature& StepSignature() {
  static const tensor::Signature kSignature{
      .inputs = {{.name = "x", .dtype = tensor::DType::kFp32, .shape = {-1}}},
      .outputs = {{.name = "y", .dtype = tensor::DType::kFp32, .shape = {-1}}}};
  return kSignature;
}

// y = x + 1; what else happens during a run is up to the test.
class TestModel final : public lifecycle::LoadedModel {
 public:
  TestModel(lifecycle::ModelId id, const ModelRuntime::Options& options,
            std::chrono::nanoseconds run_time, base::Clock& clock)
      : id_(std::move(id)),
        attachment_(
            std::make_unique<ModelRuntime>(options, RunProfile{.run_time = run_time}, clock)) {}
  const lifecycle::ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  lifecycle::ModelAttachment* attachment() const override { return attachment_.get(); }
  uint64_t estimated_bytes() const override { return 0; }

  int runs() const { return engine_.runs(); }
  std::function<void()> during_run;
  bool fail = false;

 private:
  base::Status Step(std::span<const tensor::TensorView> inputs,
                    std::vector<tensor::Tensor>& results) const {
    if (during_run) during_run();
    if (fail) return base::Internal("broken");
    SLIPWAY_ASSIGN_OR_RETURN(const auto x, inputs[0].As<float>());
    std::vector<float> y(x.begin(), x.end());
    for (float& value : y) value += 1;
    SLIPWAY_ASSIGN_OR_RETURN(tensor::Tensor out,
                             tensor::Tensor::FromValues<float>(inputs[0].shape(), y));
    results.push_back(std::move(out));
    return base::OkStatus();
  }

  const lifecycle::ModelId id_;
  mutable engine::FakeEngine engine_{
      StepSignature(), [this](auto inputs, auto /*outputs*/, base::Deadline /*deadline*/,
                              auto& results) { return Step(inputs, results); }};
  const lifecycle::ModelConfig config_;
  const std::string digest_ = "sha256:0";
  const std::string model_file_ = "model.onnx";
  const std::unique_ptr<ModelRuntime> attachment_;
};

class TestCall final : public InferCall {
 public:
  explicit TestCall(float x) : x_(x) {}
  void OnDone() override { ++done; }
  void Fill() {
    inputs = {
        *tensor::TensorView::Create(tensor::DType::kFp32, {1}, std::as_bytes(std::span(&x_, 1)))};
    outputs = {0};
  }
  float result() const { return (*results.at(0).view().As<float>())[0]; }
  int done = 0;

 private:
  float x_;
};

class DispatcherTest : public testing::Test {
 protected:
  std::shared_ptr<TestModel> Publish(std::chrono::nanoseconds run_time, int64_t version = 1) {
    options_.queue.name = "test";
    auto model =
        std::make_shared<TestModel>(lifecycle::ModelId{"m", version}, options_, run_time, clock_);
    publisher_.Publish(std::make_shared<lifecycle::Snapshot>(
        std::vector<lifecycle::Snapshot::Model>{{.name = "m", .versions = {model}}}));
    return model;
  }
  void Submit(TestCall& call) {
    call.Fill();
    ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
    dispatcher_.Submit(call);
  }

  // Publishing posts a refresh to the loop too, so the answer need not be the first piece of work.
  void RunUntilDone(const TestCall& call) {
    loop_.RunUntil([&] { return call.done > 0; });
  }

  base::FakeClock clock_;
  base::ManualExecutor loop_;
  ModelRuntime::Options options_;
  lifecycle::SnapshotPublisher publisher_;
  Dispatcher dispatcher_{publisher_, loop_, clock_, 0};
};

TEST_F(DispatcherTest, UnknownModelsAndVersionsAreNamedWithWhatThereIs) {
  TestCall call(1);
  EXPECT_EQ(dispatcher_.Resolve("m", std::nullopt, call).message(),
            "model 'm': not found or not ready; no model is ready");
  Publish(1us, 3);
  EXPECT_EQ(dispatcher_.Resolve("x", std::nullopt, call).message(),
            "model 'x': not found or not ready; ready models: 'm'");
  EXPECT_EQ(dispatcher_.Resolve("m", 2, call).message(),
            "model 'm': version 2 is not ready; ready versions: 3");
  EXPECT_TRUE(dispatcher_.Resolve("m", 3, call).ok());
}

TEST_F(DispatcherTest, FastModelRunsInlineBeforeSubmitReturns) {
  Publish(1us);
  TestCall call(41);
  Submit(call);
  EXPECT_EQ(call.done, 1);
  EXPECT_TRUE(call.status.ok());
  EXPECT_EQ(call.result(), 42);
}

TEST_F(DispatcherTest, SlowModelRunsOnItsOwnThreadAndAnswersOnTheLoop) {
  const auto model = Publish(10ms);
  TestCall call(41);
  Submit(call);
  EXPECT_EQ(call.done, 0);
  RunUntilDone(call);
  EXPECT_EQ(call.done, 1);
  EXPECT_EQ(call.result(), 42);
  dispatcher_.WaitIdle();
}

TEST_F(DispatcherTest, BigBatchOfAFastModelGoesToTheQueue) {
  Publish(100us);
  TestCall call(1);
  call.rows = 1000;
  Submit(call);
  EXPECT_EQ(call.done, 0);
  RunUntilDone(call);
  EXPECT_EQ(call.done, 1);
}

TEST_F(DispatcherTest, ModelThatHoldsUpItsThreadLosesItsInlineLane) {
  const auto model = Publish(1us);
  model->during_run = [this] { clock_.Advance(1s); };
  TestCall slow(1);
  Submit(slow);
  EXPECT_EQ(slow.done, 1);
  TestCall next(1);
  Submit(next);
  EXPECT_EQ(next.done, 0);
  RunUntilDone(next);
  EXPECT_EQ(next.done, 1);
}

TEST_F(DispatcherTest, ExpiredCallsAreRefusedAndNeverRun) {
  for (const auto run_time : {std::chrono::nanoseconds(1us), std::chrono::nanoseconds(10ms)}) {
    const auto model = Publish(run_time);
    TestCall call(1);
    call.deadline = {clock_.SteadyNow()};
    Submit(call);
    RunUntilDone(call);
    EXPECT_EQ(call.status.code(), StatusCode::kDeadlineExceeded);
    EXPECT_EQ(model->runs(), 0);
  }
}

TEST_F(DispatcherTest, FullQueueRefusesAtOnceAndAbandonedWorkIsSkipped) {
  options_.queue.max_queued = 1;
  const auto model = Publish(10ms);
  std::latch running(1);
  std::latch release(1);
  model->during_run = [&] {
    running.count_down();
    release.wait();
  };
  TestCall first(1);
  TestCall second(2);
  TestCall third(3);
  Submit(first);
  running.wait();
  Submit(second);
  Submit(third);
  EXPECT_EQ(third.done, 1);
  EXPECT_EQ(third.status.code(), StatusCode::kResourceExhausted);
  second.abandoned = true;
  release.count_down();
  RunUntilDone(first);
  RunUntilDone(second);
  EXPECT_EQ(first.result(), 2);
  EXPECT_EQ(second.status.code(), StatusCode::kCancelled);
  EXPECT_EQ(model->runs(), 1);
  dispatcher_.WaitIdle();
}

TEST_F(DispatcherTest, QueuedCallKeepsItsVersionAliveAcrossASwap) {
  std::weak_ptr<TestModel> old = Publish(10ms, 1);
  std::latch release(1);
  old.lock()->during_run = [&] { release.wait(); };
  TestCall call(1);
  Submit(call);
  Publish(10ms, 2);
  dispatcher_.snapshot();
  EXPECT_FALSE(old.expired());
  release.count_down();
  RunUntilDone(call);
  EXPECT_EQ(call.result(), 2);
  EXPECT_TRUE(old.expired());
}

TEST_F(DispatcherTest, AModelThatKeepsFailingIsLeftAlone) {
  const auto model = Publish(1us);
  model->fail = true;
  for (int i = 0; i < ModelRuntime::Options().breaker.failures; ++i) {
    TestCall call(1);
    Submit(call);
    EXPECT_EQ(call.status.code(), StatusCode::kInternal);
    EXPECT_TRUE(dispatcher_.Admit(call).ok());
    dispatcher_.RecordExecution(call);
  }
  TestCall call(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
  EXPECT_EQ(dispatcher_.Admit(call).code(), StatusCode::kUnavailable);
}

TEST_F(DispatcherTest, AFullQueueRefusesBeforeAnythingIsDecoded) {
  options_.queue.max_queued = 0;
  Publish(10ms);
  TestCall call(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
  EXPECT_EQ(dispatcher_.Admit(call).code(), StatusCode::kResourceExhausted);
}

TEST_F(DispatcherTest, WherePrioritiesAreInUseAQueueIsAskedWhenACallIsDecoded) {
  options_.queue.max_queued = 0;
  Publish(10ms);
  TestCall call(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
  int refused = 0;
  while (dispatcher_.Admit(call).code() == StatusCode::kResourceExhausted) ASSERT_LT(++refused, 16);
  EXPECT_EQ(refused, 15);  // one is looked at all the same, and has one
  call.priority = 1;
  call.Fill();
  dispatcher_.Submit(call);
  EXPECT_EQ(call.status.code(), StatusCode::kResourceExhausted);
  TestCall next(1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, next).ok());
    EXPECT_TRUE(dispatcher_.Admit(next).ok());
  }
}

TEST_F(DispatcherTest, WhatAQueueRefusesGoesToTheOverflowModelUnlessAVersionWasAskedFor) {
  options_.queue = {.name = "test", .max_queued = 0};
  options_.overflow_model = "small";
  const auto big = std::make_shared<TestModel>(lifecycle::ModelId{"m", 1}, options_, 10ms, clock_);
  const auto small = std::make_shared<TestModel>(lifecycle::ModelId{"small", 4},
                                                 ModelRuntime::Options(), 1us, clock_);
  using Model = lifecycle::Snapshot::Model;
  publisher_.Publish(std::make_shared<lifecycle::Snapshot>(std::vector<Model>{
      {.name = "m", .versions = {big}}, {.name = "small", .versions = {small}}}));
  TestCall call(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
  ASSERT_TRUE(dispatcher_.Admit(call).ok());
  EXPECT_EQ(call.model, small.get());
  EXPECT_EQ(call.diverted_from, "m");
  call.Fill();
  dispatcher_.Submit(call);
  EXPECT_EQ(call.result(), 2);
  EXPECT_EQ(small->runs(), 1);
  TestCall exact(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", 1, exact).ok());
  EXPECT_EQ(dispatcher_.Admit(exact).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(exact.model, big.get());
  EXPECT_EQ(ModelRuntime::Of(*big).stats().Read().diverted, 1U);
}

TEST_F(DispatcherTest, AnOverflowModelThatIsNotThereHelpsNobody) {
  options_.queue.max_queued = 0;
  options_.overflow_model = "small";
  const auto model = Publish(10ms);
  TestCall call(1);
  ASSERT_TRUE(dispatcher_.Resolve("m", std::nullopt, call).ok());
  EXPECT_EQ(dispatcher_.Admit(call).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(call.model, model.get());
}

TEST_F(DispatcherTest, ExecutionsAreCounted) {
  const auto model = Publish(1us);
  TestCall call(1);
  Submit(call);
  dispatcher_.RecordExecution(call);
  EXPECT_EQ(dispatcher_.stats(call).Read().executions, 1U);
}

}  // namespace
}  // namespace slipway::inference

#include "inference/cached_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "base/testing/manual_executor.h"
#include "inference/dispatcher.h"
#include "inference/testing/rows_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using tensor::Tensor;
using testing::ElementsAre;

// An IO thread's part, and what it is asked.
struct Io {
  Io(lifecycle::SnapshotPublisher& publisher, base::Clock& clock, size_t shard)
      : dispatcher(publisher, loop, clock, shard) {}
  void Submit(InferCall& call) {
    // The round lane lets its dispatcher's snapshot go on; keep ours current.
    dispatcher.snapshot();
    dispatcher.Submit(call);
  }
  void RunUntilDone(const RowsCall& call) {
    loop.RunUntil([&] { return call.done > 0; });
  }

  base::ManualExecutor loop;
  Dispatcher dispatcher;
};

// The model answers its inputs. Slow ones (see MakeModel) run while the gate is open.
class CachedCallsTest : public testing::Test {
 public:
  ~CachedCallsTest() override {
    OpenGate();
    for (Io* io : {&one_, &two_}) io->dispatcher.WaitIdle();
  }

 protected:
  CachedCallsTest() { MakeModel(1us); }

  void MakeModel(std::chrono::nanoseconds run_time, uint64_t max_bytes = 1 << 20) {
    ModelRuntime::Options options{.stat_shards = 2, .queue = {.name = "m", .threads = 2}};
    options.cache = {.max_bytes = max_bytes, .max_request_bytes = 16 * 1024};
    auto compute = [this, slow = run_time > 1ms](auto inputs, auto outputs, base::Deadline deadline,
                                                 std::vector<Tensor>& results) -> base::Status {
      runs_.fetch_add(1);
      runs_.notify_all();
      if (slow) gate_.wait();
      if (deadline.Expired(clock_.SteadyNow())) return base::DeadlineExceeded("late");
      if (fail_) return base::Internal("broken");
      for (const size_t output : outputs) results.push_back(*Tensor::CopyOf(inputs[output]));
      return base::OkStatus();
    };
    model_ =
        std::make_shared<RowsModel>(compute, RunProfile{.run_time = run_time}, options, clock_);
  }
  void OpenGate() {
    if (!gate_.try_wait()) gate_.count_down();
  }
  // A call that has been answered.
  void Ask(RowsCall& call) {
    one_.Submit(call);
    one_.RunUntilDone(call);
  }
  void WaitForRuns(int count) {
    for (int now = runs_; now < count; now = runs_) runs_.wait(now);
  }
  ResponseCache& cache() { return *ModelRuntime::Of(*model_).cache(); }
  monitor::ModelStats::Totals Totals() { return ModelRuntime::Of(*model_).stats().Read(); }

  base::FakeClock clock_;
  std::atomic<int> runs_ = 0;
  std::atomic<bool> fail_ = false;
  std::latch gate_{1};
  std::shared_ptr<RowsModel> model_;
  lifecycle::SnapshotPublisher publisher_;
  Io one_{publisher_, clock_, 0};
  Io two_{publisher_, clock_, 1};
};

TEST_F(CachedCallsTest, AnEqualCallIsAnsweredWithoutARun) {
  RowsCall first(*model_, 3, 2);
  RowsCall second(*model_, 3, 2);
  Ask(first);
  Ask(second);
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(first.source, AnswerSource::kRun);
  EXPECT_EQ(second.source, AnswerSource::kCache);
  EXPECT_EQ(second.executed_rows, 0);
  EXPECT_THAT(second.Floats(), ElementsAre(3, 3, 4, 4));
  EXPECT_THAT(second.Numbers(), ElementsAre(3, 4));
  EXPECT_EQ(Totals().cache_miss.count, 1U);
  EXPECT_EQ(Totals().cache_hit.count, 1U);
  EXPECT_EQ(cache().usage().entries, 1U);
}

TEST_F(CachedCallsTest, CallsThatDifferInAnyPartRun) {
  RowsCall base(*model_, 3, 2);
  Ask(base);
  RowsCall value(*model_, 4, 2);
  RowsCall rows(*model_, 3, 1);
  RowsCall outputs(*model_, 3, 2);
  outputs.outputs = {1};
  RowsCall order(*model_, 3, 2);
  order.outputs = {1, 0};
  RowsCall left_out(*model_, 3, 2);
  left_out.inputs[1] = {};
  left_out.outputs = {0};
  RowsCall shape(*model_, 3, 2);
  shape.inputs[0] =
      *tensor::TensorView::Create(tensor::DType::kFp32, {1, 4}, shape.inputs[0].data());
  RowsCall dtype(*model_, 3, 2);
  dtype.inputs[0] =
      *tensor::TensorView::Create(tensor::DType::kInt32, {2, 2}, dtype.inputs[0].data());
  int expected = 1;
  for (RowsCall* call : {&value, &rows, &outputs, &order, &left_out, &shape, &dtype}) {
    Ask(*call);
    EXPECT_EQ(call->source, AnswerSource::kRun);
    EXPECT_EQ(model_->fake().calls(), ++expected);
  }
  RowsCall swapped(*model_, 3, 2);
  swapped.outputs = {1, 0};
  Ask(swapped);
  EXPECT_EQ(swapped.source, AnswerSource::kCache);
  EXPECT_EQ(swapped.results.at(0).dtype(), tensor::DType::kInt64);
}

TEST_F(CachedCallsTest, LargeInputsAreDigestedWhole) {
  RowsCall first(*model_, 1, 600);
  RowsCall equal(*model_, 1, 600);
  RowsCall other(*model_, 1, 600);
  std::vector<float> last_differs = first.Inputs();
  last_differs.back() += 1;
  other.inputs[0] = *tensor::TensorView::Create(tensor::DType::kFp32, {600, 2},
                                                std::as_bytes(std::span(last_differs)));
  for (RowsCall* call : {&first, &equal, &other}) Ask(*call);
  EXPECT_EQ(equal.source, AnswerSource::kCache);
  EXPECT_EQ(equal.Floats(), first.Floats());
  EXPECT_EQ(other.source, AnswerSource::kRun);
  EXPECT_EQ(other.Floats(), last_differs);
}

TEST_F(CachedCallsTest, RequestsThatAreTooLargeAreRunWithoutALook) {
  RowsCall first(*model_, 0, 2000);
  RowsCall second(*model_, 0, 2000);
  Ask(first);
  Ask(second);
  EXPECT_EQ(runs_, 2);
  EXPECT_EQ(Totals().cache_miss.count, 0U);
  EXPECT_EQ(cache().usage().entries, 0U);
}

TEST_F(CachedCallsTest, EqualCallsAtTheSameTimeRunOnce) {
  MakeModel(10ms);
  std::deque<RowsCall> calls;
  for (int i = 0; i < 6; ++i) (i % 2 == 0 ? one_ : two_).Submit(calls.emplace_back(*model_, 7.0F));
  WaitForRuns(1);
  OpenGate();
  int shared = 0;
  for (int i = 0; i < 6; ++i) {
    (i % 2 == 0 ? one_ : two_).RunUntilDone(calls[i]);
    EXPECT_THAT(calls[i].Floats(), ElementsAre(7, 7));
    shared += calls[i].source == AnswerSource::kShared ? 1 : 0;
  }
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(shared, 5);
  EXPECT_EQ(Totals().cache_shared, 5U);
  RowsCall later(*model_, 7.0F);
  Ask(later);
  EXPECT_EQ(later.source, AnswerSource::kCache);
}

TEST_F(CachedCallsTest, AFailedRunFailsThoseThatWaitedAndIsNotKept) {
  MakeModel(10ms);
  fail_ = true;
  RowsCall leader(*model_, 1);
  RowsCall follower(*model_, 1);
  one_.Submit(leader);
  two_.Submit(follower);
  OpenGate();
  one_.RunUntilDone(leader);
  two_.RunUntilDone(follower);
  EXPECT_EQ(leader.status.code(), StatusCode::kInternal);
  EXPECT_EQ(follower.status, leader.status);
  EXPECT_EQ(follower.executed_rows, 0);  // one failure for the circuit breaker
  EXPECT_EQ(runs_, 1);
  fail_ = false;
  RowsCall next(*model_, 1);
  Ask(next);
  EXPECT_TRUE(next.status.ok());
  EXPECT_EQ(next.source, AnswerSource::kRun);
}

TEST_F(CachedCallsTest, AFailureThatIsTheLeadersOwnMakesTheOthersTryAgain) {
  MakeModel(10ms);
  RowsCall hurried(*model_, 1);
  RowsCall patient(*model_, 1);
  RowsCall also_patient(*model_, 1);
  hurried.deadline = {clock_.SteadyNow() + 1s};
  patient.deadline = {clock_.SteadyNow() + 1h};
  one_.Submit(hurried);
  WaitForRuns(1);
  for (RowsCall* call : {&patient, &also_patient}) two_.Submit(*call);
  clock_.Advance(2s);
  OpenGate();
  one_.RunUntilDone(hurried);
  for (RowsCall* call : {&patient, &also_patient}) two_.RunUntilDone(*call);
  EXPECT_EQ(hurried.status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(patient.Floats(), ElementsAre(1, 1));
  EXPECT_THAT(also_patient.Floats(), ElementsAre(1, 1));
  EXPECT_EQ(runs_, 2);
}

TEST_F(CachedCallsTest, ACallThatMustBeAnsweredSoonerDoesNotWait) {
  MakeModel(10ms);
  RowsCall patient(*model_, 1);
  RowsCall hurried(*model_, 1);
  RowsCall less_hurried(*model_, 1);
  hurried.deadline = {clock_.SteadyNow() + 1s};
  less_hurried.deadline = {clock_.SteadyNow() + 2s};
  one_.Submit(patient);
  WaitForRuns(1);
  one_.Submit(hurried);
  WaitForRuns(2);
  one_.Submit(less_hurried);
  OpenGate();
  for (RowsCall* call : {&patient, &hurried, &less_hurried}) {
    one_.RunUntilDone(*call);
    EXPECT_TRUE(call->status.ok()) << call->status;
  }
  EXPECT_EQ(less_hurried.source, AnswerSource::kShared);
  EXPECT_EQ(runs_, 2);
  EXPECT_EQ(cache().usage().entries, 1U);
}

TEST_F(CachedCallsTest, ACallOfHigherPriorityDoesNotWait) {
  MakeModel(10ms);
  RowsCall usual(*model_, 1);
  RowsCall high(*model_, 1);
  RowsCall low(*model_, 1);
  high.priority = 1;
  low.priority = 5;
  for (RowsCall* call : {&usual, &high, &low}) one_.Submit(*call);
  OpenGate();
  for (RowsCall* call : {&usual, &high, &low}) one_.RunUntilDone(*call);
  EXPECT_EQ(high.source, AnswerSource::kRun);
  EXPECT_EQ(low.source, AnswerSource::kShared);
}

TEST_F(CachedCallsTest, ExpiredCallsAreRefusedThoughTheAnswerIsKnown) {
  RowsCall first(*model_, 1);
  Ask(first);
  RowsCall late(*model_, 1);
  late.deadline = {clock_.SteadyNow()};
  Ask(late);
  EXPECT_EQ(late.status.code(), StatusCode::kDeadlineExceeded);
}

TEST_F(CachedCallsTest, TheLeastRecentlyUsedGoWhenThereIsNoRoom) {
  RowsCall probe(*model_, 0);
  Ask(probe);
  const uint64_t each = cache().usage().bytes;
  MakeModel(1us, 3 * each);
  for (const float value : {1.0F, 2.0F, 3.0F, 1.0F, 4.0F}) {
    RowsCall call(*model_, value);
    Ask(call);
  }
  EXPECT_EQ(cache().usage().entries, 3U);
  EXPECT_EQ(cache().usage().evictions, 1U);
  EXPECT_LE(cache().usage().bytes, 3 * each);
  RowsCall used(*model_, 1);
  Ask(used);
  EXPECT_EQ(used.source, AnswerSource::kCache);
  RowsCall gone(*model_, 2);
  Ask(gone);
  EXPECT_EQ(gone.source, AnswerSource::kRun);
}

TEST_F(CachedCallsTest, AnAnswerOutlivesItsEntry) {
  RowsCall probe(*model_, 0);
  Ask(probe);
  MakeModel(1us, cache().usage().bytes);
  RowsCall first(*model_, 1);
  RowsCall held(*model_, 1);
  RowsCall other(*model_, 2);
  for (RowsCall* call : {&first, &held, &other}) Ask(*call);
  EXPECT_EQ(cache().usage().evictions, 1U);
  EXPECT_THAT(held.Floats(), ElementsAre(1, 1));
}

TEST_F(CachedCallsTest, AnAnswerThatIsTooLargeToKeepIsSharedAllTheSame) {
  MakeModel(10ms, 1);
  RowsCall leader(*model_, 5);
  RowsCall follower(*model_, 5);
  one_.Submit(leader);
  two_.Submit(follower);
  OpenGate();
  one_.RunUntilDone(leader);
  two_.RunUntilDone(follower);
  EXPECT_THAT(leader.Floats(), ElementsAre(5, 5));
  EXPECT_THAT(follower.Floats(), ElementsAre(5, 5));
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(cache().usage().entries, 0U);
}

TEST_F(CachedCallsTest, AFullQueueStillAnswersWhatIsKnown) {
  MakeModel(10ms);
  RowsCall known(*model_, 1);
  OpenGate();
  Ask(known);
  const auto full = model_;
  ModelRuntime::Options options{.stat_shards = 2, .queue = {.name = "m", .max_queued = 0}};
  options.cache = {.max_bytes = 1 << 20};
  model_ = std::make_shared<RowsModel>([](auto, auto, auto, auto&) { return base::OkStatus(); },
                                       RunProfile{.run_time = 10ms}, options, clock_);
  RowsCall refused(*model_, 1);
  EXPECT_TRUE(one_.dispatcher.Admit(refused).ok());  // it might have been known
  Ask(refused);
  EXPECT_EQ(refused.status.code(), StatusCode::kResourceExhausted);
  RowsCall again(*full, 1);
  Ask(again);
  EXPECT_EQ(again.source, AnswerSource::kCache);
}

TEST_F(CachedCallsTest, ALoopThatHasEndedIsNotTold) {
  MakeModel(10ms);
  RowsCall leader(*model_, 1);
  one_.Submit(leader);
  WaitForRuns(1);
  {
    Io ended(publisher_, clock_, 1);
    RowsCall follower(*model_, 1);
    ended.Submit(follower);
    ended.dispatcher.WaitIdle();  // though the leader still runs
    EXPECT_EQ(follower.done, 0);
  }
  OpenGate();
  one_.RunUntilDone(leader);
  EXPECT_TRUE(leader.status.ok());
}

TEST_F(CachedCallsTest, ManyThreadsGetTheRightAnswers) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 2000;
  constexpr int kValues = 20;
  RowsCall probe(*model_, 0);
  Ask(probe);
  ModelRuntime::Options options{.stat_shards = kThreads, .queue = {.name = "m", .threads = 2}};
  options.cache = {.max_bytes = kValues / 2 * cache().usage().bytes};
  std::atomic<int> runs = 0;
  const auto model = std::make_shared<RowsModel>(
      [&runs](auto inputs, auto, auto, std::vector<Tensor>& results) {
        ++runs;
        for (const auto& input : inputs) results.push_back(*Tensor::CopyOf(input));
        return base::OkStatus();
      },
      RunProfile{.run_time = 1ms}, options, clock_);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Io io(publisher_, clock_, static_cast<size_t>(t));
      for (int i = 0; i < kCalls; ++i) {
        const auto value = static_cast<float>((i * 7 + t) % kValues);
        RowsCall call(*model, value);
        RowsCall twin(*model, value);
        io.Submit(call);
        io.Submit(twin);
        io.RunUntilDone(call);
        io.RunUntilDone(twin);
        if (call.Floats().at(0) != value || twin.Floats().at(1) != value) ++wrong;
      }
      io.dispatcher.WaitIdle();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const auto totals = ModelRuntime::Of(*model).stats().Read();
  EXPECT_EQ(totals.cache_hit.count + totals.cache_miss.count + totals.cache_shared,
            2U * kThreads * kCalls);
  EXPECT_EQ(totals.cache_miss.count, static_cast<uint64_t>(runs.load()));
  const auto usage = ModelRuntime::Of(*model).cache()->usage();
  EXPECT_LE(usage.bytes, ModelRuntime::Of(*model).cache()->max_bytes());
}

}  // namespace
}  // namespace slipway::inference

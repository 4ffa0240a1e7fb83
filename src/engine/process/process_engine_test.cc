// Models in processes of their own, which behave and do not. The worker is a fork of the test, with
// engines that a test makes up.
#include "engine/process/process_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "engine/process/process_factory.h"
#include "engine/testing/engine_suite.h"
#include "engine/testing/fake_engine.h"

namespace slipway::engine {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorView;
using testing::HasSubstr;
using namespace std::chrono_literals;

tensor::Signature OneNumber() {
  return {.inputs = {{.name = "x", .dtype = DType::kInt64, .shape = {1}}},
          .outputs = {{.name = "y", .dtype = DType::kInt64, .shape = {1}}}};
}

// A worker that is a fork of this process and loads with `load`.
LaunchWorker ForkWith(FakeEngineFactory::LoadFunction load) {
  return [load = std::move(load)](const WorkerEnds& ends) -> Result<pid_t> {
    const pid_t child = fork();
    if (child != 0) return child;
    WorkerEnds mine;
    mine.control.Reset(dup(ends.control.get()));
    for (const WorkerEnds::Lane& lane : ends.lanes) {
      WorkerEnds::Lane& copy = mine.lanes.emplace_back();
      copy.socket.Reset(dup(lane.socket.get()));
      copy.inputs.Reset(dup(lane.inputs.get()));
      copy.outputs.Reset(dup(lane.outputs.get()));
    }
    // As exec would: whoever else has an end of the channels must not keep them open.
    for (int fd = 3; fd < 256; ++fd) {
      bool kept = fd == mine.control.get();
      for (const WorkerEnds::Lane& lane : mine.lanes) {
        kept =
            kept || fd == lane.socket.get() || fd == lane.inputs.get() || fd == lane.outputs.get();
      }
      if (!kept) close(fd);
    }
    const FakeEngineFactory factory(load);
    std::_Exit(RunWorker(std::move(mine), factory).ok() ? 0 : 1);
  };
}

FakeEngineFactory::LoadFunction Computes(const tensor::Signature& signature,
                                         const FakeEngine::Compute& compute) {
  return [=](const ModelFiles&, const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return std::unique_ptr<Engine>(std::make_unique<FakeEngine>(signature, compute));
  };
}

// What a test asks of a model, by the number it sends.
enum Wish : uint8_t { kEcho, kCrash, kExit, kSpin, kHoard, kFail };

Status Behave(std::span<const TensorView> inputs, std::span<const size_t>, base::Deadline deadline,
              std::vector<Tensor>& results) {
  const int64_t wish = (*inputs[0].As<int64_t>())[0];
  if (wish == kCrash) std::abort();
  if (wish == kExit) std::_Exit(3);
  if (wish == kFail) return base::InvalidArgument("this model does not like 5");
  if (wish == kSpin) {
    for (;;) std::this_thread::sleep_for(1ms);
  }
  if (wish == kHoard) {
    std::vector<std::string> hoard;
    for (;;) hoard.emplace_back(size_t{1} << 24, 'x');
  }
  if (wish >= 100) {  // polite: waits until it is told to stop
    while (!deadline.Expired(std::chrono::steady_clock::now())) std::this_thread::sleep_for(1ms);
    return base::Cancelled("stopped politely");
  }
  results.push_back(*Tensor::CopyOf(inputs[0]));
  return base::OkStatus();
}

class ProcessEngineTest : public testing::Test {
 protected:
  void SetUp() override { Load({.lanes = 2, .grace = 200ms}); }

  void Load(const WorkerProcess::Options& options) {
    auto worker = WorkerProcess::Start(launch_, options, {}, {});
    ASSERT_TRUE(worker.ok()) << worker.status();
    first_pid_ = (*worker)->pid();
    engine_ = std::make_unique<ProcessEngine>(ProcessEngine::Source{.process = options}, launch_,
                                              clock_, *log_, *std::move(worker));
  }
  Status Run(int64_t wish, base::Deadline deadline = {}) {
    const auto view = TensorView::Create(DType::kInt64, {1}, std::as_bytes(std::span(&wish, 1)));
    const size_t outputs[] = {0};
    return engine_->Run({&*view, 1}, outputs, deadline, results_);
  }
  static base::Deadline In(std::chrono::milliseconds time) {
    return {.at = std::chrono::steady_clock::now() + time};
  }
  void PassTime(std::chrono::milliseconds time) { clock_.Advance(time); }

  const LaunchWorker launch_ = ForkWith(Computes(OneNumber(), Behave));
  base::FakeClock clock_;
  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
  std::unique_ptr<ProcessEngine> engine_;
  pid_t first_pid_ = -1;
  std::vector<Tensor> results_;
};

TEST_F(ProcessEngineTest, AnswersAndIsItsOwnProcess) {
  ASSERT_TRUE(Run(kEcho).ok());
  EXPECT_EQ((*results_.at(0).view().As<int64_t>())[0], kEcho);
  EXPECT_NE(first_pid_, getpid());
  EXPECT_TRUE(engine_->unbounded_run_time());
}

TEST_F(ProcessEngineTest, ErrorsOfTheModelComeThrough) {
  const Status status = Run(kFail);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "this model does not like 5");
  EXPECT_TRUE(Run(kEcho).ok());
}

TEST_F(ProcessEngineTest, ACrashIsToldAndTheModelComesBack) {
  const Status status = Run(kCrash);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("ended by signal 6"));
  EXPECT_TRUE(Run(kEcho).ok());  // started again at once, the first time
  EXPECT_THAT(Run(kExit).message(), HasSubstr("ended with status 3"));
  EXPECT_EQ(Run(kEcho).code(), StatusCode::kUnavailable);  // it dies often: there is a pause
  PassTime(1s);
  EXPECT_EQ(engine_->restarts(), 1u);
  EXPECT_TRUE(Run(kEcho).ok());
  EXPECT_EQ(engine_->restarts(), 2u);
}

TEST_F(ProcessEngineTest, OneThatLivedLongBeginsWithTheFirstPause) {
  for (int deaths = 0; deaths < 6; ++deaths) {  // the pause is at seconds now
    EXPECT_FALSE(Run(kCrash).ok());
    PassTime(31s);
    ASSERT_TRUE(Run(kEcho).ok());
    EXPECT_FALSE(Run(kExit).ok());  // at once: it did not live long
    PassTime(31s);
    ASSERT_TRUE(Run(kEcho).ok());
  }
  EXPECT_FALSE(Run(kExit).ok());
  PassTime(1s);
  EXPECT_EQ(Run(kEcho).code(), StatusCode::kUnavailable);
  PassTime(31s);
  ASSERT_TRUE(Run(kEcho).ok());
  PassTime(31s);  // alive
  EXPECT_FALSE(Run(kExit).ok());
  ASSERT_TRUE(Run(kEcho).ok());
  EXPECT_FALSE(Run(kExit).ok());
  PassTime(1s);
  EXPECT_TRUE(Run(kEcho).ok());
}

TEST_F(ProcessEngineTest, ADeathBetweenRunsIsNotNoticed) {
  ASSERT_TRUE(Run(kEcho).ok());
  ASSERT_EQ(kill(first_pid_, SIGKILL), 0);
  // The kernel closes its end of the channels some time later.
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(first_pid_), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(Run(kEcho).ok());
}

TEST_F(ProcessEngineTest, ARunThatDoesNotStopIsEnded) {
  const Status status = Run(kSpin, In(50ms));
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  EXPECT_THAT(status.message(), HasSubstr("did not stop"));
  EXPECT_TRUE(Run(kEcho).ok());
}

TEST_F(ProcessEngineTest, ARunThatStopsInTimeKeepsItsProcess) {
  EXPECT_EQ(Run(100, In(50ms)).message(), "stopped politely");
  std::atomic<bool> abandoned = true;
  EXPECT_EQ(Run(100, {.abandoned = &abandoned}).message(), "stopped politely");
  EXPECT_TRUE(Run(kEcho).ok());
}

TEST_F(ProcessEngineTest, MemoryHasALimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's own memory is beyond any limit";
#endif
  Load({.lanes = 1, .max_data_bytes = uint64_t{1} << 30, .grace = 200ms});
  const Status status = Run(kHoard);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(status.code() == StatusCode::kUnavailable ||
              status.code() == StatusCode::kResourceExhausted)
      << status;
}

TEST_F(ProcessEngineTest, ManyThreadsShareTheLanes) {
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      std::vector<Tensor> results;
      const int64_t number = -1 - i;
      const auto view =
          TensorView::Create(DType::kInt64, {1}, std::as_bytes(std::span(&number, 1)));
      const size_t outputs[] = {0};
      for (int k = 0; k < 200; ++k) {
        if (!engine_->Run({&*view, 1}, outputs, {}, results).ok()) continue;
        if ((*results.at(0).view().As<int64_t>())[0] == number) ++answered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 8 * 200);
}

// The engine of the suite, in a process of its own, with as many lanes as the suite has threads.
std::unique_ptr<Engine> LoadInProcess() {
  static const LaunchWorker kLaunch = ForkWith(
      [](const ModelFiles&, const EngineOptions&) { return Result(FakeEngine::AddAndSubtract()); });
  static base::RealClock clock;
  static const auto kLog = base::Logger::Null();
  auto worker = WorkerProcess::Start(kLaunch, {.lanes = 4}, {}, {});
  EXPECT_TRUE(worker.ok()) << worker.status();
  return std::make_unique<ProcessEngine>(ProcessEngine::Source{}, kLaunch, clock, *kLog,
                                         *std::move(worker));
}

INSTANTIATE_TEST_SUITE_P(Process, EngineSuite,
                         testing::Values(EngineCase{"Process", &LoadInProcess}),
                         [](const auto& c) { return c.param.name; });

TEST(ProcessFactoryTest, AModelThatDoesNotLoadSaysWhy) {
  base::FakeClock clock;
  const auto log = base::Logger::Null();
  const auto refuse = [](const ModelFiles& files, const EngineOptions&) {
    return Result<std::unique_ptr<Engine>>(base::InvalidArgument("no model: " + files.model_file));
  };
  const ProcessFactory factory(std::make_unique<FakeEngineFactory>(refuse), ForkWith(refuse), clock,
                               *log);
  EngineOptions options;
  options.own_process = true;
  const auto engine = factory.Load({.model_file = "a.onnx"}, options);
  EXPECT_EQ(engine.status(), base::InvalidArgument("no model: a.onnx"));
}

TEST(ProcessFactoryTest, OthersStayInThisProcess) {
  base::FakeClock clock;
  const auto log = base::Logger::Null();
  const LaunchWorker never = [](const WorkerEnds&) -> Result<pid_t> {
    return base::Internal("not to be called");
  };
  const ProcessFactory factory(
      std::make_unique<FakeEngineFactory>(Computes(OneNumber(), FakeEngine::CopyInputs())), never,
      clock, *log);
  EXPECT_TRUE(factory.Load({}, {}).ok());
}

}  // namespace
}  // namespace slipway::engine

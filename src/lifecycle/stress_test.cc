// Many threads at once: run these under ThreadSanitizer and AddressSanitizer too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <random>
#include <stop_token>

#include "lifecycle/testing/manager_fixture.h"

namespace slipway::lifecycle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StressTest : public ManagerFixture {
 protected:
  // Runs the model once, the way a request does. Its answer is checked, so that a destroyed engine
  // does not go unnoticed even without a sanitizer.
  static void Use(const LoadedModel& model) {
    const std::array<float, 2> values = {1.0F, static_cast<float>(model.id().version)};
    const auto input =
        tensor::TensorView::Create(tensor::DType::kFp32, {1, 2}, std::as_bytes(std::span(values)));
    std::vector<tensor::Tensor> results;
    const std::array<size_t, 1> outputs = {0};
    ASSERT_EQ(model.engine().Run({&*input, 1}, outputs, base::Deadline::Never(), results),
              base::OkStatus());
    ASSERT_EQ((*results[0].view().As<float>())[1], values[1]);
  }

  // A request thread: uses what is ready until stopped, and refreshes when woken, as an idle event
  // loop does.
  void Read(const std::stop_token& stop, std::atomic<int>& used) {
    std::atomic<bool> woken = false;
    SnapshotPublisher::Reader reader(publisher_, [&] { woken = true; });
    while (!stop.stop_requested()) {
      const Snapshot::Model* model = reader.Get().Find("m");
      ASSERT_NE(model, nullptr);
      for (int i = 0; i < 3; ++i) Use(model->latest());  // borrowed from the snapshot
      const ModelHandle kept = model->versions.front();  // outlives it, as a queued call does
      reader.Refresh();
      Use(*kept);
      ++used;
    }
  }
};

TEST_F(StressTest, ReadersNeverSeeADestroyedModelWhileVersionsSwap) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  std::atomic<int> used = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&](const std::stop_token& stop) { Read(stop, used); });
    }
    for (int version = 2; version <= 40; ++version) {
      const bool broken = version % 5 == 0;
      const std::string directory = "m/" + std::to_string(version);
      Write(directory + "/model.onnx", broken ? "fail=INTERNAL" : "ok");
      EXPECT_EQ(Load("m").ok(), !broken);
      if (broken) Remove(directory);
    }
    EXPECT_THAT(Ready("m"), ElementsAre(39));
    // Old versions go soon, though readers never stop.
    EXPECT_TRUE(Eventually([this] { return factory_.live() == 1; }));
  }
  EXPECT_GT(used, 0);
}

TEST_F(StressTest, AnIdleReaderThatRefreshesWhenWokenHoldsNothingBack) {
  Write("m/1/model.onnx", "ok");
  StartExplicit();
  std::mutex mutex;
  std::condition_variable changed;
  int wakes = 0;
  std::jthread idle([&](const std::stop_token& stop) {
    SnapshotPublisher::Reader reader(publisher_, [&] {
      const std::lock_guard lock(mutex);
      ++wakes;
      changed.notify_all();
    });
    reader.Get();
    std::condition_variable_any any;
    for (int seen = 0; !stop.stop_requested();) {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, std::chrono::milliseconds(10), [&] { return wakes != seen; });
      seen = wakes;
      lock.unlock();
      reader.Refresh();
    }
  });
  EXPECT_EQ(Unload("m"), base::OkStatus());
  EXPECT_TRUE(Eventually([this] { return factory_.live() == 0; }));
}

TEST_F(StressTest, AStormOfLoadsAndUnloadsEndsWhereTheLastOneSays) {
  for (const char* name : {"a", "b", "c"}) {
    for (const char* version : {"1", "2"}) {
      Write(std::string(name) + "/" + version + "/model.onnx", "ok bytes=300");
    }
  }
  // Not all fit at the same time, so that some are refused.
  StartExplicit(
      {.memory_budget_bytes = 1000, .load_threads = 3, .drain_wait = std::chrono::milliseconds(5)});
  constexpr int kThreads = 6;
  constexpr int kSteps = 25;
  std::atomic<int> answers = 0;
  std::atomic<int> used = 0;
  {
    std::jthread reader([&](const std::stop_token& stop) {
      SnapshotPublisher::Reader mine(publisher_, {});
      while (!stop.stop_requested()) {
        for (const Snapshot::Model& model : mine.Get().models()) Use(model.latest());
        manager_->Index();
        ++used;
      }
    });
    std::vector<std::jthread> operators;
    for (int i = 0; i < kThreads; ++i) {
      operators.emplace_back([&, i] {
        std::mt19937 random(static_cast<unsigned>(i));  // the seed is the thread's number
        for (int step = 0; step < kSteps; ++step) {
          const std::string name(1, static_cast<char>('a' + random() % 3));
          const auto count = [&](const base::Status&) { ++answers; };
          LoadRequest request{.name = name};
          switch (random() % 4) {
            case 0:
              manager_->Unload(name, count);
              break;
            case 1:
              request.policy = *VersionPolicy::Parse("all");
              [[fallthrough]];
            case 2:
              request.config = ModelConfig{.warmup_runs = 1};
              [[fallthrough]];
            default:
              manager_->Load(std::move(request), count);
          }
        }
      });
    }
    operators.clear();
    EXPECT_TRUE(Eventually([&] { return answers == kThreads * kSteps; }));
  }
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(Unload(name), base::OkStatus());
  EXPECT_THAT(publisher_.Current()->models(), IsEmpty());
  EXPECT_TRUE(Eventually([this] { return factory_.live() == 0; }));
  EXPECT_TRUE(Eventually([this] { return manager_->memory().used() == 0; }));
}

TEST_F(StressTest, ShutdownInTheMiddleOfAStormLosesNoAnswer) {
  Write("m/1/model.onnx", "ok");
  for (int round = 0; round < 20; ++round) {
    StartExplicit({.load = {.all = false, .names = {}}});
    std::atomic<int> answers = 0;
    for (int i = 0; i < 10; ++i) {
      const auto count = [&](const base::Status&) { ++answers; };
      manager_->Load({.name = "m", .config = ModelConfig()}, count);
      manager_->Unload("m", count);
      manager_->RefreshIndex([&](const auto&) { ++answers; });
    }
    manager_.reset();
    EXPECT_EQ(answers, 30);
    EXPECT_EQ(factory_.live(), 0);
  }
}

}  // namespace
}  // namespace slipway::lifecycle

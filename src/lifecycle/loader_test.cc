#include "lifecycle/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <latch>
#include <optional>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/testing/fake_clock.h"
#include "base/testing/temporary_directory.h"
#include "lifecycle/testing/manager_fixture.h"
#include "lifecycle/testing/scripted_engine_factory.h"

namespace slipway::lifecycle {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::HasSubstr;
using State = Loader::State;

class LoaderTest : public ManagerFixture {
 protected:
  Loader::Services Services(const engine::EngineFactory& factory) {
    return {.fs = fs_,
            .clock = clock_,
            .log = *log_,
            .factory = factory,
            .warmup = warmup_,
            .observer = nullptr,
            .observing = observing_,
            .unloads = unloads_};
  }
  std::unique_ptr<Loader> Make(std::function<void()> on_unloaded = {}) {
    return std::make_unique<Loader>(ModelId{.name = "m", .version = 1},
                                    source_.Find("m")->versions.front(), Services(factory_),
                                    std::move(on_unloaded));
  }
  base::Status Load(Loader& loader) {
    return loader.Load(*budget_.Reserve(*loader.EstimateBytes(), 0s));
  }

  MemoryBudget budget_{10'000};
  const SyntheticWarmup warmup_;
  base::ThreadPool observing_{{.name = "observe"}};
  const std::shared_ptr<UnloadQueue> unloads_ = std::make_shared<UnloadQueue>();
};

TEST_F(LoaderTest, WhatIsKeptBesideTheModelIsAdmittedWithIt) {
  Write("m/1/model.onnx", "bytes=500");
  AvailableVersion version = source_.Find("m")->versions.front();
  version.config.reserve_bytes = 300;
  Loader loader({.name = "m", .version = 1}, version, Services(factory_));
  ASSERT_EQ(Load(loader), base::OkStatus());
  EXPECT_EQ(budget_.used(), 800U);
  EXPECT_EQ(loader.handle()->estimated_bytes(), 800U);
  version.config.reserve_bytes = UINT64_MAX;
  EXPECT_EQ(*Loader({.name = "m", .version = 1}, version, Services(factory_)).EstimateBytes(),
            UINT64_MAX);
}

// The drawing in loader.h, from left to right.
TEST_F(LoaderTest, WalksItsDrawing) {
  Write("m/1/model.onnx", "wait bytes=500");
  std::latch unloaded(1);
  const std::unique_ptr<Loader> loader = Make([&] { unloaded.count_down(); });
  EXPECT_EQ(loader->state(), State::kNew);
  EXPECT_EQ(loader->handle(), nullptr);

  std::thread load([&] { EXPECT_EQ(Load(*loader), base::OkStatus()); });
  factory_.AwaitWaiting();
  EXPECT_EQ(loader->state(), State::kLoading);
  EXPECT_EQ(budget_.used(), 500U);
  factory_.Open();
  load.join();
  EXPECT_EQ(loader->state(), State::kReady);

  ModelHandle in_flight = loader->handle();
  EXPECT_EQ(in_flight->estimated_bytes(), 500U);
  loader->Drain();
  EXPECT_EQ(loader->state(), State::kDraining);
  EXPECT_EQ(loader->handle(), nullptr);
  EXPECT_EQ(factory_.live(), 1);
  EXPECT_EQ(budget_.used(), 500U);

  in_flight.reset();
  unloaded.wait();
  EXPECT_EQ(loader->state(), State::kUnloaded);
  EXPECT_EQ(factory_.live(), 0);
  EXPECT_EQ(budget_.used(), 0U);
}

// The drawing's other branch.
TEST_F(LoaderTest, EndsInFailedAndGivesEverythingBack) {
  Write("m/1/model.onnx", "run=RESOURCE_EXHAUSTED");
  const std::unique_ptr<Loader> loader = Make();
  EXPECT_EQ(Load(*loader), base::ResourceExhausted("warm-up with zeros: scripted run"));
  EXPECT_EQ(loader->state(), State::kFailed);
  EXPECT_EQ(loader->handle(), nullptr);
  EXPECT_EQ(factory_.live(), 0);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(LoaderTest, StatesPrintTheirNames) {
  EXPECT_EQ(base::StrCat(State::kNew, " ", State::kDraining, " ", State::kFailed),
            "new draining failed");
}

TEST_F(LoaderTest, TheLastHandleMayOutliveTheLoader) {
  Write("m/1/model.onnx", "ok");
  std::unique_ptr<Loader> loader = Make();
  ASSERT_EQ(Load(*loader), base::OkStatus());
  ModelHandle handle = loader->handle();
  loader.reset();
  EXPECT_EQ(factory_.live(), 1);
  handle.reset();
  EXPECT_TRUE(Eventually([this] { return factory_.live() == 0; }));
}

// Remembers the thread that destroyed it.
class ThreadNotingModel final : public ModelAttachment {
 public:
  explicit ThreadNotingModel(std::atomic<std::thread::id>& where) : where_(where) {}
  ~ThreadNotingModel() override { where_ = std::this_thread::get_id(); }

 private:
  std::atomic<std::thread::id>& where_;
};
class ThreadNotingObserver final : public ModelObserver {
 public:
  base::Result<std::unique_ptr<ModelAttachment>> OnLoaded(const LoadedModel&) override {
    return std::unique_ptr<ModelAttachment>(std::make_unique<ThreadNotingModel>(destroyed_on));
  }
  void OnUnloaded(const ModelId&) override {}
  void OnLoadFailed(const ModelId&, const base::Status&) override {}
  std::atomic<std::thread::id> destroyed_on;
};

TEST_F(LoaderTest, TheModelIsDestroyedOnTheUnloadQueueWhoeverDropsIt) {
  Write("m/1/model.onnx", "ok");
  ThreadNotingObserver observer;
  Loader::Services services = Services(factory_);
  const std::thread::id unload_thread = [this] {
    std::promise<std::thread::id> id;
    unloads_->Post([&] { id.set_value(std::this_thread::get_id()); }, [] {});
    return id.get_future().get();
  }();
  Loader loader({.name = "m", .version = 1}, source_.Find("m")->versions.front(),
                {.fs = fs_,
                 .clock = clock_,
                 .log = *log_,
                 .factory = factory_,
                 .warmup = warmup_,
                 .observer = &observer,
                 .observing = observing_,
                 .unloads = unloads_});
  ASSERT_EQ(loader.Load({}), base::OkStatus());
  loader.Drain();  // drops the last handle on this thread
  unloads_->Close();
  EXPECT_EQ(observer.destroyed_on.load(), unload_thread);
}

// Wants each of a list of thread counts, one after the other.
class WishingObserver final : public ModelObserver {
 public:
  WishingObserver(const ScriptedEngineFactory& factory, std::deque<int> wishes)
      : factory_(factory), wishes_(std::move(wishes)) {}
  std::optional<engine::EngineOptions> BetterOptions(const LoadedModel& model) override {
    seen.push_back(model.config().engine.intra_op_threads);
    EXPECT_EQ(factory_.live(), 1);
    if (wishes_.empty()) return std::nullopt;
    engine::EngineOptions better = model.config().engine;
    better.intra_op_threads = wishes_.front();
    wishes_.pop_front();
    return better;
  }
  base::Result<std::unique_ptr<ModelAttachment>> OnLoaded(const LoadedModel& model) override {
    served_with = model.config().engine.intra_op_threads;
    return std::unique_ptr<ModelAttachment>();
  }
  void OnUnloaded(const ModelId&) override {}
  void OnLoadFailed(const ModelId&, const base::Status&) override {}
  std::vector<int> seen;
  int served_with = 0;

 private:
  const ScriptedEngineFactory& factory_;
  std::deque<int> wishes_;
};

TEST_F(LoaderTest, AnObserverMayWantOtherOptionsAndTakeThemBackOnce) {
  struct Case {
    std::deque<int> wishes;
    std::vector<int> seen;
    int served_with;
  };
  Write("m/1/model.onnx", "ok");
  for (const Case& one : std::vector<Case>{
           {{}, {1}, 1}, {{4}, {1, 4}, 4}, {{4, 1}, {1, 4}, 1}, {{4, 1, 8}, {1, 4}, 1}}) {
    WishingObserver observer(factory_, one.wishes);
    Loader::Services services = Services(factory_);
    services.observer = &observer;
    Loader loader({.name = "m", .version = 1}, source_.Find("m")->versions.front(), services);
    ASSERT_EQ(loader.Load({}), base::OkStatus());
    EXPECT_EQ(observer.seen, one.seen);
    EXPECT_EQ(observer.served_with, one.served_with);
    EXPECT_EQ(loader.handle()->config().engine.intra_op_threads, one.served_with);
    loader.Drain();
    ASSERT_TRUE(Eventually([this] { return factory_.live() == 0; }));
  }
}

TEST_F(LoaderTest, OptionsThatTheModelDoesNotLoadWithAreGivenUp) {
  Write("m/1/model.onnx", "one_thread");
  WishingObserver observer(factory_, {4});
  Loader::Services services = Services(factory_);
  services.observer = &observer;
  Loader loader({.name = "m", .version = 1}, source_.Find("m")->versions.front(), services);
  ASSERT_EQ(loader.Load({}), base::OkStatus());
  EXPECT_EQ(observer.served_with, 1);
  EXPECT_EQ(factory_.loads(), 3);
}

// Changes the files while they are loaded.
class MeddlingFactory final : public engine::EngineFactory {
 public:
  MeddlingFactory(const engine::EngineFactory& real, std::function<void()> meddle)
      : real_(real), meddle_(std::move(meddle)) {}
  base::Result<std::unique_ptr<engine::Engine>> Load(
      const engine::ModelFiles& files, const engine::EngineOptions& options) const override {
    meddle_();
    return real_.Load(files, options);
  }
  base::Result<uint64_t> EstimateBytes(const engine::ModelFiles& files) const override {
    return real_.EstimateBytes(files);
  }
  std::string name() const override { return real_.name(); }
  std::string version() const override { return real_.version(); }
  std::vector<std::string> providers() const override { return real_.providers(); }

 private:
  const engine::EngineFactory& real_;
  const std::function<void()> meddle_;
};

TEST_F(LoaderTest, RefusesFilesThatChangeUnderTheEngine) {
  Write("m/1/model.onnx", "ok");
  const MeddlingFactory factory(factory_, [this] { Write("m/1/model.onnx", "not the same"); });
  Loader loader({.name = "m", .version = 1}, source_.Find("m")->versions.front(),
                Services(factory));
  const base::Status status = loader.Load({});
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("changed while it was loaded"));
  EXPECT_EQ(factory_.live(), 0);
}

TEST_F(LoaderTest, LabelsGoToOutputs) {
  Write("m/1/model.onnx", "ok");
  Write("m/labels.txt", "benign\nmalignant\n");
  const std::unique_ptr<Loader> loader = Make();
  ASSERT_EQ(Load(*loader), base::OkStatus());
  EXPECT_THAT(
      loader->handle()->config().labels,
      testing::ElementsAre(testing::Pair("x", testing::ElementsAre("benign", "malignant"))));
}

}  // namespace
}  // namespace slipway::lifecycle

#include "inference/runtime_observer.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/testing/fake_clock.h"
#include "base/testing/temporary_directory.h"
#include "inference/testing/rows_model.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using tensor::Tensor;

// Each start of the server is an observer of its own; a batch takes hardly longer than a row.
class RuntimeObserverTest : public testing::Test {
 protected:
  // How many runs it took until the model was ready.
  int Start(const ProfileStore* store, bool batches = true) {
    RuntimeObserver observer(
        [batches](const auto&) {
          return ModelRuntime::Options{.max_batch_rows = batches ? 64 : 1,
                                       .queue = {.name = "m", .objective = 100ms, .adapt = true}};
        },
        clock_, *log_, nullptr, store);
    const int before = model_.fake().runs();
    const auto runtime = observer.OnLoaded(model_);
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    rows_ = static_cast<ModelRuntime&>(**runtime).queue().plan().max_rows;
    return model_.fake().runs() - before;
  }

  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
  base::FakeClock clock_;
  std::chrono::nanoseconds row_{1ms};
  RowsModel model_{[this](auto inputs, auto, auto, std::vector<Tensor>& results) {
                     clock_.Advance(row_ + inputs[0].shape()[0] * 10us);
                     for (const auto& input : inputs) results.push_back(*Tensor::CopyOf(input));
                     return base::OkStatus();
                   },
                   RunProfile{.run_time = 1h}, ModelRuntime::Options{.queue = {.name = "m"}},
                   clock_};
  base::RealFileSystem fs_;
  base::TemporaryDirectory directory_;
  int64_t rows_ = 0;
};

TEST_F(RuntimeObserverTest, WithoutAStoreEveryStartMeasuresAll) {
  const int first = Start(nullptr);
  EXPECT_EQ(Start(nullptr), first);
  EXPECT_EQ(rows_, 64);
}

TEST_F(RuntimeObserverTest, TheNextStartMeasuresOneRowOnly) {
  const ProfileStore store(fs_, directory_.path(), "Made Up 1");
  const int first = Start(&store);
  EXPECT_EQ(rows_, 64);
  const int alone = Start(&store, false);  // no batches
  EXPECT_LT(alone, first);
  EXPECT_EQ(Start(&store), alone);
  EXPECT_EQ(rows_, 64);
}

TEST_F(RuntimeObserverTest, AModelThatHasBecomeSlowerIsMeasuredAgainAndThatIsKept) {
  const ProfileStore store(fs_, directory_.path(), "Made Up 1");
  Start(&store);
  row_ = 3ms;
  const int again = Start(&store);
  EXPECT_LT(Start(&store), again);
}

TEST_F(RuntimeObserverTest, AStoreThatCannotBeUsedChangesNothing) {
  ASSERT_TRUE(fs_.WriteAtomically(directory_.path() / "file", "x").ok());
  const ProfileStore store(fs_, directory_.path() / "file" / "profiles", "Made Up 1");
  const int first = Start(&store);
  EXPECT_EQ(Start(&store), first);
  EXPECT_EQ(rows_, 64);
}

// A row takes less with more threads inside operators, or not.
class BetterOptionsTest : public RuntimeObserverTest {
 protected:
  // What the model is loaded with in the end.
  int Threads(std::chrono::nanoseconds alone, std::chrono::nanoseconds with_four,
              const ModelRuntime::Options& options) {
    RuntimeObserver observer([&options](const auto&) { return options; }, clock_, *log_);
    int& threads = model_.mutable_config().engine.intra_op_threads;
    threads = 1;
    for (int i = 0; i < 2; ++i) {
      row_ = threads == 1 ? alone : with_four;
      const auto better = observer.BetterOptions(model_);
      if (!better) break;
      threads = better->intra_op_threads;
    }
    const auto runtime = observer.OnLoaded(model_);
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    lanes_ = static_cast<ModelRuntime&>(**runtime).queue().plan().threads;
    return threads;
  }
  ModelRuntime::Options options_{
      .most_operator_threads = 4,
      .queue = {.name = "m", .threads = 8, .objective = 100ms, .adapt = true}};
  size_t lanes_ = 0;
};

TEST_F(BetterOptionsTest, ARowThatTakesTooLongForTheObjectiveGetsThreads) {
  EXPECT_EQ(Threads(60ms, 20ms, options_), 4);
  EXPECT_LE(lanes_, 2U);  // they are the same processors
}

TEST_F(BetterOptionsTest, UnlessTheyHardlyHelp) {
  EXPECT_EQ(Threads(60ms, 50ms, options_), 1);
  EXPECT_EQ(Threads(60ms, 70ms, options_), 1);
}

TEST_F(BetterOptionsTest, OthersAreLeftAlone) {
  EXPECT_EQ(Threads(30ms, 10ms, options_), 1);
  options_.most_operator_threads = 1;
  EXPECT_EQ(Threads(60ms, 20ms, options_), 1);
  options_.most_operator_threads = 4;
  options_.queue.adapt = false;
  EXPECT_EQ(Threads(60ms, 20ms, options_), 1);
}

}  // namespace
}  // namespace slipway::inference

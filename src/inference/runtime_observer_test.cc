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

}  // namespace
}  // namespace slipway::inference

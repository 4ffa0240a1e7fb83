#include "inference/run_profile.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/testing/fake_clock.h"
#include "engine/testing/fake_engine.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using engine::FakeEngine;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorView;

tensor::Signature Rows(DType in = DType::kFp32, tensor::Shape in_shape = {-1, 2},
                       DType out = DType::kFp32) {
  return {.inputs = {{.name = "x", .dtype = in, .shape = in_shape}},
          .outputs = {{.name = "y", .dtype = out, .shape = {-1, 2}}}};
}

// What MeasureRun() finds when run number i takes `cost(i)`.
std::chrono::nanoseconds MeasuredRun(const std::function<std::chrono::nanoseconds(int)>& cost) {
  base::FakeClock clock;
  int runs = 0;
  FakeEngine engine(Rows(), [&](auto, auto, auto, auto&) {
    clock.Advance(cost(runs++));
    return base::OkStatus();
  });
  const std::vector<float> row(2);
  const auto view = TensorView::Create(DType::kFp32, {1, 2}, std::as_bytes(std::span(row)));
  const TensorView inputs[] = {*view};
  return *MeasureRun(engine, inputs, clock);
}

TEST(MeasureRunTest, ADisturbedRoundDoesNotCount) {
  EXPECT_EQ(MeasuredRun([](int run) { return run < 13 ? 500us : 100us; }), 100us);
  EXPECT_EQ(MeasuredRun([](int run) { return run % 10 < 7 ? 100us : 300us; }), 300us);
}

TEST(MeasureRunTest, ASlowModelIsRunTwice) {
  EXPECT_EQ(MeasuredRun([](int run) { return run < 2 ? 1s : 1ms; }), 1s);
}

class MeasureBatchesTest : public testing::Test {
 protected:
  using Cost = std::function<std::chrono::nanoseconds(int64_t rows)>;

  // Copies its input after `change`, in `cost` of time by its rows.
  int64_t Profile(
      const tensor::Signature& signature, const Cost& cost,
      const std::function<void(std::span<float>)>& change = [](auto) {}) {
    FakeEngine engine(signature, [&](auto inputs, auto, auto, auto& results) {
      clock_.Advance(cost(inputs[0].shape()[0]));
      Tensor copy = *Tensor::CopyOf(inputs[0]);
      const std::span<std::byte> data = copy.mutable_data();
      change({reinterpret_cast<float*>(data.data()), data.size() / sizeof(float)});
      results.push_back(std::move(copy));
      return base::OkStatus();
    });
    return MostRows(engine, cost(1));
  }
  int64_t MostRows(FakeEngine& engine, std::chrono::nanoseconds run_time) {
    const RunProfile profile{.run_time = run_time,
                             .batches = MeasureBatches(engine, run_time, clock_)};
    return profile.RowsWithin(1h);
  }

  base::FakeClock clock_;
  const Cost call_overhead_ = [](int64_t rows) { return 10us + rows * 10ns; };
};

TEST_F(MeasureBatchesTest, ModelsThatGainArePutTogether) {
  EXPECT_EQ(Profile(Rows(), call_overhead_), 64);
}

TEST_F(MeasureBatchesTest, ModelsThatGainNothingAreNot) {
  EXPECT_EQ(Profile(Rows(), [](int64_t rows) { return rows * 10us; }), 1);
}

TEST_F(MeasureBatchesTest, SlowModelsAreMeasuredWithFewRows) {
  EXPECT_EQ(Profile(Rows(), [](int64_t rows) { return 9ms + rows * 1ms; }), 16);
  EXPECT_EQ(Profile(Rows(), [](int64_t) { return 60ms; }), 4);
  EXPECT_EQ(Profile(Rows(), [](int64_t) { return 1s; }), 1);
}

TEST_F(MeasureBatchesTest, SizesThatGainNothingMoreAreLeftOut) {
  EXPECT_EQ(Profile(Rows(), [](int64_t rows) { return 10us + rows * (rows < 64 ? 10ns : 1us); }),
            16);
}

TEST(RunProfileTest, TheLargestBatchWithinATime) {
  const RunProfile profile{.run_time = 10us, .batches = {{4, 20us}, {16, 32us}, {64, 64us}}};
  EXPECT_EQ(profile.RowsWithin(1ms), 64);
  EXPECT_EQ(profile.RowsWithin(63us), 16);
  EXPECT_EQ(profile.RowsWithin(1ms, 2us), 64);
  EXPECT_EQ(profile.RowsWithin(1ms, 500ns), 1);
  EXPECT_EQ(profile.RowsWithin(19us), 1);
  EXPECT_EQ(RunProfile{.run_time = 1us}.RowsWithin(1h), 1);
}

TEST_F(MeasureBatchesTest, ModelsThatMixRowsAreFoundOut) {
  EXPECT_EQ(Profile(Rows(), call_overhead_,
                    [](std::span<float> all) {
                      const float mean = std::accumulate(all.begin(), all.end(), 0.0F) /
                                         static_cast<float>(all.size());
                      for (float& x : all) x -= mean;
                    }),
            1);
  EXPECT_EQ(Profile(Rows(), call_overhead_,
                    [](std::span<float> all) { std::swap(all.front(), all.back()); }),
            1);
}

TEST_F(MeasureBatchesTest, RoundingIsAllowed) {
  EXPECT_EQ(Profile(Rows(), call_overhead_,
                    [](std::span<float> all) {
                      for (float& x : all) x += 1e-7F * static_cast<float>(all.size());
                    }),
            64);
}

TEST_F(MeasureBatchesTest, RowsMustLieBehindEachOther) {
  EXPECT_EQ(Profile(Rows(DType::kFp32, {1, 2}), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kBytes), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kFp32, {-1, 2}, DType::kBytes), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kFp32, {-1, 1 << 20}), call_overhead_), 1);
}

TEST_F(MeasureBatchesTest, RowsOfFreeDimensionsAreTriedWithSixteen) {
  std::vector<tensor::Shape> shapes;
  FakeEngine engine({.inputs = {{.name = "x", .shape = {-1, 3, -1}}},
                     .outputs = {{.name = "y", .shape = {-1, 3, -1}}}},
                    [&](auto inputs, auto, auto, auto& results) {
                      shapes.push_back(inputs[0].shape());
                      clock_.Advance(call_overhead_(inputs[0].shape()[0]));
                      results.push_back(*Tensor::CopyOf(inputs[0]));
                      return base::OkStatus();
                    });
  EXPECT_EQ(*MeasureTypicalRow(engine, clock_), call_overhead_(1));
  EXPECT_EQ(shapes.back(), tensor::Shape({1, 3, 16}));
  EXPECT_EQ(MostRows(engine, call_overhead_(1)), 64);
  EXPECT_EQ(shapes.back(), tensor::Shape({64, 3, 16}));
}

TEST_F(MeasureBatchesTest, FixedRowsHaveTheirOwnTime) {
  FakeEngine engine(Rows(), FakeEngine::CopyInputs());
  EXPECT_EQ(MeasureTypicalRow(engine, clock_).status().code(),
            base::StatusCode::kFailedPrecondition);
}

TEST_F(MeasureBatchesTest, EveryDtypeCanBeMadeUp) {
  for (const DType dtype : tensor::kAllDTypes) {
    if (dtype == DType::kBytes) continue;
    EXPECT_EQ(Profile(Rows(dtype, {-1, 2}, dtype), call_overhead_), 64) << dtype;
  }
}

TEST_F(MeasureBatchesTest, ModelsThatRefuseRowsAreLeftAlone) {
  FakeEngine engine(Rows(), FakeEngine::Fail(base::InvalidArgument("no")));
  EXPECT_EQ(MostRows(engine, 1us), 1);
}

}  // namespace
}  // namespace slipway::inference

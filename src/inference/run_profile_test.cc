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

class ProfileRoundsTest : public testing::Test {
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
    return ProfileRounds(engine, 1ms, clock_);
  }

  base::FakeClock clock_;
  const Cost call_overhead_ = [](int64_t rows) { return 10us + rows * 10ns; };
};

TEST_F(ProfileRoundsTest, ModelsThatGainArePutTogether) {
  EXPECT_EQ(Profile(Rows(), call_overhead_), 64);
}

TEST_F(ProfileRoundsTest, ModelsThatGainNothingAreNot) {
  EXPECT_EQ(Profile(Rows(), [](int64_t rows) { return rows * 10us; }), 1);
}

TEST_F(ProfileRoundsTest, BatchesStayWithinTheLimit) {
  EXPECT_EQ(Profile(Rows(), [](int64_t rows) { return 100us + rows * 20us; }), 16);
}

TEST_F(ProfileRoundsTest, ModelsThatMixRowsAreFoundOut) {
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

TEST_F(ProfileRoundsTest, RoundingIsAllowed) {
  EXPECT_EQ(Profile(Rows(), call_overhead_,
                    [](std::span<float> all) {
                      for (float& x : all) x += 1e-6F * static_cast<float>(all.size());
                    }),
            64);
}

TEST_F(ProfileRoundsTest, RowsMustLieBehindEachOther) {
  EXPECT_EQ(Profile(Rows(DType::kFp32, {-1, -1}), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kFp32, {1, 2}), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kBytes), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kFp32, {-1, 2}, DType::kBytes), call_overhead_), 1);
  EXPECT_EQ(Profile(Rows(DType::kFp32, {-1, 1 << 20}), call_overhead_), 1);
}

TEST_F(ProfileRoundsTest, EveryDtypeCanBeMadeUp) {
  for (const DType dtype : tensor::kAllDTypes) {
    if (dtype == DType::kBytes) continue;
    EXPECT_EQ(Profile(Rows(dtype, {-1, 2}, dtype), call_overhead_), 64) << dtype;
  }
}

TEST_F(ProfileRoundsTest, ModelsThatRefuseRowsAreLeftAlone) {
  FakeEngine engine(Rows(), FakeEngine::Fail(base::InvalidArgument("no")));
  EXPECT_EQ(ProfileRounds(engine, 1ms, clock_), 1);
}

}  // namespace
}  // namespace slipway::inference

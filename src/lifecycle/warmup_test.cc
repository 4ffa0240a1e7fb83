#include "lifecycle/warmup.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/testing/fake_clock.h"
#include "engine/testing/fake_engine.h"

namespace slipway::lifecycle {
namespace {

using namespace std::chrono_literals;
using base::Status;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

TensorSpec Input(DType dtype, tensor::Shape shape) {
  return {.name = "x", .dtype = dtype, .shape = shape, .dim_names = {}};
}

using Judge = std::function<Status(std::span<const TensorView>)>;

// An engine without outputs, whose runs end as `judge` says.
engine::FakeEngine EngineThat(std::vector<TensorSpec> inputs, Judge judge) {
  return {{.inputs = std::move(inputs), .outputs = {}},
          [judge = std::move(judge)](auto given, auto /*outputs*/, base::Deadline /*deadline*/,
                                     auto& /*results*/) { return judge(given); }};
}

Status Warm(engine::FakeEngine& engine, Status& refusal, int runs = 3,
            base::FakeClock* clock = nullptr) {
  base::FakeClock still;
  const auto cases = SyntheticWarmup().Cases({}, engine.signature());
  return WarmUp(engine, *cases, runs, 10s, clock != nullptr ? *clock : still, refusal);
}

TEST(SyntheticWarmupTest, FitsEveryDtypeAndShape) {
  for (const DType dtype : tensor::kAllDTypes) {
    const TensorSpec spec = Input(dtype, {-1, 3, -1});
    const auto cases = SyntheticWarmup().Cases({}, {.inputs = {spec}, .outputs = {}});
    ASSERT_TRUE(cases.ok());
    ASSERT_EQ(cases->size(), 2U);
    for (const WarmupCase& one : *cases) {
      EXPECT_TRUE(one.synthetic);
      EXPECT_TRUE(spec.Accepts(one.inputs[0].dtype(), one.inputs[0].shape())) << dtype;
      EXPECT_EQ(one.inputs[0].shape(), (tensor::Shape{1, 3, 1}));
    }
  }
}

TEST(SyntheticWarmupTest, OnesAreOnes) {
  const auto cases = SyntheticWarmup().Cases(
      {}, {.inputs = {Input(DType::kFp32, {2}), Input(DType::kInt64, {1}), Input(DType::kFp16, {1}),
                      Input(DType::kBytes, {1}), Input(DType::kBool, {1})},
           .outputs = {}});
  const std::vector<Tensor>& ones = (*cases)[1].inputs;
  EXPECT_EQ((*ones[0].view().As<float>())[1], 1.0F);
  EXPECT_EQ((*ones[1].view().As<int64_t>())[0], 1);
  EXPECT_EQ(ToFloat((*ones[2].view().As<tensor::Fp16>())[0]), 1.0F);
  EXPECT_EQ(ones[3].view().AsStrings()->front(), "1");
  EXPECT_EQ((*cases)[0].inputs[3].view().AsStrings()->front(), "");
  EXPECT_TRUE((*ones[4].view().As<bool>())[0]);
}

TEST(SyntheticWarmupTest, LeavesOptionalInputsOutAndHugeModelsAlone) {
  TensorSpec optional = Input(DType::kFp32, {1});
  optional.optional = true;
  auto cases = SyntheticWarmup().Cases({}, {.inputs = {optional}, .outputs = {}});
  EXPECT_TRUE((*cases)[0].inputs[0].view().absent());
  cases = SyntheticWarmup().Cases(
      {}, {.inputs = {Input(DType::kFp32, {1'000'000, 1'000'000})}, .outputs = {}});
  EXPECT_TRUE(cases->empty());
}

TEST(WarmUpTest, RunsZerosAsOftenAsAskedAndThatIsEnough) {
  engine::FakeEngine engine = EngineThat({Input(DType::kFp32, {1})}, [](auto inputs) {
    EXPECT_EQ((*inputs[0].template As<float>())[0], 0.0F);
    return base::OkStatus();
  });
  Status refusal;
  EXPECT_EQ(Warm(engine, refusal), base::OkStatus());
  EXPECT_EQ(engine.runs(), 3);
  EXPECT_TRUE(refusal.ok());
}

TEST(WarmUpTest, TriesOnesWhenZerosAreRefused) {
  engine::FakeEngine engine = EngineThat({Input(DType::kFp32, {1})}, [](auto inputs) {
    return (*inputs[0].template As<float>())[0] == 0.0F ? base::InvalidArgument("zero")
                                                        : base::OkStatus();
  });
  Status refusal;
  EXPECT_EQ(Warm(engine, refusal), base::OkStatus());
  EXPECT_EQ(engine.runs(), 1 + 3);
  EXPECT_TRUE(refusal.ok());
}

TEST(WarmUpTest, ReportsARefusalOfEverythingMadeUpButSucceeds) {
  engine::FakeEngine engine =
      EngineThat({Input(DType::kFp32, {1})}, [](auto) { return base::InvalidArgument("no"); });
  Status refusal;
  EXPECT_EQ(Warm(engine, refusal), base::OkStatus());
  EXPECT_EQ(refusal, base::InvalidArgument("warm-up with zeros: no"));
}

TEST(WarmUpTest, FailsWhenMemoryDoesNotSuffice) {
  engine::FakeEngine engine = EngineThat({Input(DType::kFp32, {1})},
                                         [](auto) { return base::ResourceExhausted("broken"); });
  Status refusal;
  EXPECT_EQ(Warm(engine, refusal), base::ResourceExhausted("warm-up with zeros: broken"));
}

TEST(WarmUpTest, ARecordedCaseMustPass) {
  engine::FakeEngine engine = EngineThat({}, [](auto) { return base::InvalidArgument("no"); });
  std::vector<WarmupCase> cases;
  cases.push_back({.name = "case 1", .inputs = {}, .synthetic = false});
  base::FakeClock clock;
  Status refusal;
  EXPECT_EQ(WarmUp(engine, cases, 1, 10s, clock, refusal),
            base::InvalidArgument("warm-up with case 1: no"));
}

TEST(WarmUpTest, StopsAtTheLimitAfterTheFirstRun) {
  base::FakeClock clock;
  engine::FakeEngine engine = EngineThat({Input(DType::kFp32, {1})}, [&](auto) {
    clock.Advance(11s);
    return base::OkStatus();
  });
  Status refusal;
  EXPECT_EQ(Warm(engine, refusal, 3, &clock), base::OkStatus());
  EXPECT_EQ(engine.runs(), 1);
}

}  // namespace
}  // namespace slipway::lifecycle

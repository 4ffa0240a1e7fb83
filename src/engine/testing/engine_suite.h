#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace slipway::engine {

// What every implementation of Engine has to pass. Instantiate it with a function that loads
//
//   a: FP32[-1,2], b: INT64[-1,2]  ->  sum: FP32[-1,2] = a + b, diff: FP32[-1,2] = a - b
//
// which tests/models/engine/two_inputs.onnx is:
//
//   INSTANTIATE_TEST_SUITE_P(Onnx, EngineSuite, testing::Values(EngineCase{"Onnx",
//   &LoadTwoInputs}));
struct EngineCase {
  const char* name;
  std::function<std::unique_ptr<Engine>()> load;
};

// What every Engine must do; an implementation instantiates it with its own EngineCase list.
class EngineSuite : public testing::TestWithParam<EngineCase> {
 protected:
  using Tensor = tensor::Tensor;
  using TensorView = tensor::TensorView;

  void SetUp() override {
    engine_ = GetParam().load();
    ASSERT_NE(engine_, nullptr);
  }

  static Tensor Floats(const tensor::Shape& shape, std::vector<float> values) {
    return *Tensor::FromValues<float>(shape, values);
  }
  static Tensor Ints(const tensor::Shape& shape, std::vector<int64_t> values) {
    return *Tensor::FromValues<int64_t>(shape, values);
  }
  static std::vector<float> FloatsOf(const Tensor& tensor) {
    const auto values = tensor.view().As<float>();
    if (!values.ok()) return {};
    return {values->begin(), values->end()};
  }
  base::Status Run(std::vector<TensorView> inputs, std::vector<size_t> outputs,
                   base::Deadline deadline = {}) {
    return engine_->Run(inputs, outputs, deadline, results_);
  }
  // The message of a run that must fail with kInvalidArgument.
  std::string Refusal(std::vector<TensorView> inputs, std::vector<size_t> outputs = {0}) {
    const base::Status status = Run(std::move(inputs), std::move(outputs));
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument) << status;
    EXPECT_TRUE(results_.empty());
    return status.message();
  }

  std::unique_ptr<Engine> engine_;
  std::vector<Tensor> results_;
  const Tensor a_ = Floats({2, 2}, {1, 2, 3, 4});
  const Tensor b_ = Ints({2, 2}, {10, 20, 30, 40});
};

TEST_P(EngineSuite, DescribesItsInputsAndOutputs) {
  const tensor::Signature& signature = engine_->signature();
  ASSERT_EQ(signature.inputs.size(), 2u);
  ASSERT_EQ(signature.outputs.size(), 2u);
  EXPECT_EQ(signature.inputs[0].name, "a");
  EXPECT_EQ(signature.inputs[1].dtype, tensor::DType::kInt64);
  EXPECT_EQ(signature.outputs[0].name, "sum");
  EXPECT_EQ(signature.outputs[1].shape, tensor::Shape({-1, 2}));
  EXPECT_TRUE(signature.batched());
}

TEST_P(EngineSuite, FillsOneResultForEachOutputAskedFor) {
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {0, 1}).ok());
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(FloatsOf(results_[0]), (std::vector<float>{11, 22, 33, 44}));
  EXPECT_EQ(FloatsOf(results_[1]), (std::vector<float>{-9, -18, -27, -36}));
  EXPECT_EQ(results_[0].shape(), tensor::Shape({2, 2}));
}

TEST_P(EngineSuite, FillsResultsInTheOrderAskedFor) {
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {1, 0}).ok());
  EXPECT_EQ(FloatsOf(results_[0])[0], -9);
  EXPECT_EQ(FloatsOf(results_[1])[0], 11);
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {1}).ok());
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(FloatsOf(results_[0])[0], -9);
}

TEST_P(EngineSuite, RunsBatchesOfAnySizeAndNone) {
  for (const int64_t rows : {0, 1, 3, 1000}) {
    const auto count = static_cast<size_t>(rows) * 2;
    const Tensor a = Floats({rows, 2}, std::vector<float>(count, 1.5F));
    const Tensor b = Ints({rows, 2}, std::vector<int64_t>(count, 2));
    ASSERT_TRUE(Run({a.view(), b.view()}, {0}).ok()) << rows;
    EXPECT_EQ(results_[0].shape(), tensor::Shape({rows, 2}));
    EXPECT_EQ(FloatsOf(results_[0]), std::vector<float>(count, 3.5F));
  }
}

TEST_P(EngineSuite, RefusesInputsThatDoNotFit) {
  const Tensor c = Floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor flat = Floats({4}, {1, 2, 3, 4});
  EXPECT_THAT(Refusal({c.view(), b_.view()}),
              testing::HasSubstr("input 'a': expected FP32[-1,2], got FP32[2,3]"));
  EXPECT_THAT(Refusal({flat.view(), b_.view()}),
              testing::HasSubstr("input 'a': expected FP32[-1,2], got FP32[4]"));
  EXPECT_THAT(Refusal({a_.view(), a_.view()}),
              testing::HasSubstr("input 'b': expected INT64[-1,2], got FP32[2,2]"));
  EXPECT_THAT(Refusal({a_.view(), TensorView()}),
              testing::HasSubstr("input 'b': expected INT64[-1,2], got nothing"));
  EXPECT_THAT(Refusal({a_.view()}), testing::HasSubstr("expected 2 inputs, got 1"));
  EXPECT_THAT(Refusal({}), testing::HasSubstr("expected 2 inputs, got 0"));
}

TEST_P(EngineSuite, RefusesADeadlineThatHasPassed) {
  const base::Status status =
      Run({a_.view(), b_.view()}, {0}, {.at = std::chrono::steady_clock::now()});
  EXPECT_EQ(status.code(), base::StatusCode::kDeadlineExceeded);
}

TEST_P(EngineSuite, RunsWithADeadlineToCome) {
  const base::Deadline deadline{.at = std::chrono::steady_clock::now() + std::chrono::hours(1)};
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Run({a_.view(), b_.view()}, {0}, deadline).ok());
}

TEST_P(EngineSuite, ReplacesOldResultsAndKeepsTheirCapacity) {
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {0, 1}).ok());
  const size_t capacity = results_.capacity();
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {1}).ok());
  EXPECT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_.capacity(), capacity);
}

TEST_P(EngineSuite, ResultsOutliveTheEngine) {
  ASSERT_TRUE(Run({a_.view(), b_.view()}, {0}).ok());
  engine_.reset();
  EXPECT_EQ(FloatsOf(results_[0]), (std::vector<float>{11, 22, 33, 44}));
}

TEST_P(EngineSuite, ManyThreadsRunAtOnce) {
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const Tensor a = Floats({1, 2}, {static_cast<float>(t), 0});
      std::vector<Tensor> results;
      const std::array<size_t, 2> outputs = {0, 1};
      for (int i = 0; i < 300; ++i) {
        const Tensor b = Ints({1, 2}, {i, 0});
        const std::array<TensorView, 2> inputs = {a.view(), b.view()};
        const base::Deadline deadline =
            i % 2 == 0 ? base::Deadline::Never()
                       : base::Deadline{.at = std::chrono::steady_clock::now() +
                                              std::chrono::minutes(i + 1)};
        const bool ok = engine_->Run(inputs, outputs, deadline, results).ok() &&
                        FloatsOf(results[0])[0] == static_cast<float>(t + i) &&
                        FloatsOf(results[1])[0] == static_cast<float>(t - i);
        if (!ok) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace slipway::engine

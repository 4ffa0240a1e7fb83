#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/testing/fake_engine.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "lifecycle/model.h"

namespace slipway::inference {

// A loaded model with the inputs x: FP32[-1,2] and n: INT64[-1], and outputs like them.
class RowsModel final : public lifecycle::LoadedModel {
 public:
  // A profile in which `rows` rows take no longer than one: 1 us.
  static RunProfile Gains(int64_t rows) {
    return {.run_time = std::chrono::microseconds(1),
            .batches = {{.rows = rows, .time = std::chrono::microseconds(1)}}};
  }

  RowsModel(engine::FakeEngine::Compute compute, const RunProfile& profile,
            const ModelRuntime::Options& options, base::Clock& clock)
      : engine_({.inputs = {{.name = "x", .dtype = tensor::DType::kFp32, .shape = {-1, 2}},
                            {.name = "n", .dtype = tensor::DType::kInt64, .shape = {-1}}},
                 .outputs = {{.name = "y", .dtype = tensor::DType::kFp32, .shape = {-1, 2}},
                             {.name = "m", .dtype = tensor::DType::kInt64, .shape = {-1}}}},
                std::move(compute)),
        runtime_(std::make_unique<ModelRuntime>(options, profile, clock)) {}
  const lifecycle::ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  lifecycle::ModelConfig& mutable_config() { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  lifecycle::ModelAttachment* attachment() const override { return runtime_.get(); }
  uint64_t estimated_bytes() const override { return 0; }
  engine::FakeEngine& fake() const { return engine_; }

 private:
  const lifecycle::ModelId id_{"m", 1};
  mutable engine::FakeEngine engine_;
  lifecycle::ModelConfig config_;
  const std::string digest_ = "sha256:0";
  const std::string model_file_ = "model.onnx";
  const std::unique_ptr<ModelRuntime> runtime_;
};

// One request to a RowsModel, with the inputs it views.
class RowsCall final : public InferCall {
 public:
  // Rows {first, first}, {first + 1, first + 1}, ...
  RowsCall(const RowsModel& of, float first, int64_t count = 1) {
    model = &of;
    rows = count;
    for (int64_t i = 0; i < count; ++i) {
      x_.insert(x_.end(), 2, first + static_cast<float>(i));
      n_.push_back(static_cast<int64_t>(first) + i);
    }
    inputs = {
        *tensor::TensorView::Create(tensor::DType::kFp32, {count, 2}, std::as_bytes(std::span(x_))),
        *tensor::TensorView::Create(tensor::DType::kInt64, {count}, std::as_bytes(std::span(n_)))};
    outputs = {0, 1};
  }
  void OnDone() override {
    ++done;
    if (on_done) on_done();
  }
  const std::vector<float>& Inputs() const { return x_; }
  std::vector<float> Floats() const {
    const auto values = *results.at(0).view().As<float>();
    return {values.begin(), values.end()};
  }
  std::vector<int64_t> Numbers() const {
    const auto values = *results.at(1).view().As<int64_t>();
    return {values.begin(), values.end()};
  }
  int done = 0;
  std::function<void()> on_done;

 private:
  std::vector<float> x_;
  std::vector<int64_t> n_;
};

}  // namespace slipway::inference

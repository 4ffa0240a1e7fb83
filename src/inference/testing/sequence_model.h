#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/stateful_engine.h"
#include "engine/testing/fake_engine.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "lifecycle/model.h"

namespace slipway::inference {

// A loaded model with the input x: FP32[-1], the output y: FP32[-1] and the state total: FP32[-1],
// y = total_out = total + x, unless the test says otherwise.
class SequenceModel final : public lifecycle::LoadedModel {
 public:
  SequenceModel(int64_t version, const ModelRuntime::Options& options, const RunProfile& profile,
                base::Clock& clock, const std::string& input = "x")
      : id_{"m", version}, runtime_(std::make_unique<ModelRuntime>(options, profile, clock)) {
    const auto spec = [](const std::string& name) {
      return tensor::TensorSpec{.name = name, .dtype = tensor::DType::kFp32, .shape = {-1}};
    };
    auto fake = std::make_unique<engine::FakeEngine>(
        tensor::Signature{.inputs = {spec("total"), spec(input)},
                          .outputs = {spec("total_out"), spec("y")}},
        [this](auto inputs, auto outputs, base::Deadline /*deadline*/, auto& results) {
          return Step(inputs, outputs, results);
        });
    fake_ = fake.get();
    auto engine = engine::StatefulEngine::Create(std::move(fake),
                                                 {{.input = "total", .output = "total_out"}});
    SLIPWAY_CHECK(engine.ok());
    engine_ = *std::move(engine);
  }
  const lifecycle::ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return *engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  lifecycle::ModelAttachment* attachment() const override { return runtime_.get(); }
  uint64_t estimated_bytes() const override { return 0; }

  int runs() const { return fake_->runs(); }
  std::function<void(float x)> during_run;
  bool fail = false;
  bool grow = false;  // the state has a row more after the run

 private:
  base::Status Step(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                    std::vector<tensor::Tensor>& results) const {
    SLIPWAY_ASSIGN_OR_RETURN(const auto total, inputs[0].As<float>());
    SLIPWAY_ASSIGN_OR_RETURN(const auto x, inputs[1].As<float>());
    if (during_run) during_run(x[0]);
    if (fail) return base::Internal("broken");
    for (const size_t output : outputs) {
      std::vector<float> values(total.begin(), total.end());
      for (size_t i = 0; i < values.size(); ++i) values[i] += x[i];
      if (grow && output == 0) values.push_back(0);
      SLIPWAY_ASSIGN_OR_RETURN(
          tensor::Tensor out,
          tensor::Tensor::FromValues<float>({static_cast<int64_t>(values.size())}, values));
      results.push_back(std::move(out));
    }
    return base::OkStatus();
  }

  const lifecycle::ModelId id_;
  engine::FakeEngine* fake_ = nullptr;
  std::unique_ptr<engine::Engine> engine_;
  const lifecycle::ModelConfig config_;
  const std::string digest_ = "sha256:0";
  const std::string model_file_ = "model.onnx";
  const std::unique_ptr<ModelRuntime> runtime_;
};

// One request to a SequenceModel. Forgets its model when it is done, as front ends do.
class SequenceCall final : public InferCall {
 public:
  explicit SequenceCall(uint64_t id, float x, bool start = false, bool end = false) : x_({x}) {
    sequence = {.number = id, .start = start, .end = end};
  }
  void Fill() {
    inputs = {*tensor::TensorView::Create(tensor::DType::kFp32, {static_cast<int64_t>(x_.size())},
                                          std::as_bytes(std::span(x_)))};
    outputs = {0};
    rows = static_cast<int64_t>(x_.size());
  }
  void OnDone() override {
    ++done;
    ran_on = model->id().version;
    message = status.message();
    code = status.code();
    if (status.ok()) y = (*results.at(0).view().As<float>())[0];
    result_count = results.size();
    Reset();
  }
  void AddRow(float x) { x_.push_back(x); }

  int done = 0;
  int64_t ran_on = 0;
  std::string message;
  base::StatusCode code = base::StatusCode::kOk;
  float y = -1;
  size_t result_count = 0;

 private:
  std::vector<float> x_;
};

}  // namespace slipway::inference

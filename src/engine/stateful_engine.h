#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace slipway::engine {

// A model that carries state from one run of a sequence to the next: some of its inputs take what
// outputs gave in the run before. It is neither in inputs nor outputs of signature(), but in its
// states; it keeps none itself. So whoever only looks at inputs and outputs (metadata, warm-up)
// sees a model without state, which begins a sequence with each run.
//
// Thread-safe and owning as every Engine; owns `model`.
class StatefulEngine final : public Engine {
 public:
  // kInvalidArgument, with all that is wrong: an input or output that the model does not have, or
  // that is there twice; texts; dtypes or shapes that differ; a size that nobody says.
  static base::Result<std::unique_ptr<Engine>> Create(std::unique_ptr<Engine> model,
                                                      const std::vector<StateOption>& states);

  const tensor::Signature& signature() const override { return signature_; }
  bool unbounded_run_time() const override { return model_->unbounded_run_time(); }
  std::optional<uint64_t> restarts() const override { return model_->restarts(); }
  std::span<const tensor::Tensor> start_states() const override { return start_; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;

 private:
  StatefulEngine(std::unique_ptr<Engine> model, std::vector<tensor::StateSpec> states,
                 std::vector<tensor::Tensor> start);
  base::Status AddStates(std::span<const tensor::TensorView> inputs,
                         std::vector<tensor::TensorView>& all,
                         std::vector<tensor::Tensor>& rows) const;

  const std::unique_ptr<Engine> model_;
  tensor::Signature signature_;
  const std::vector<tensor::Tensor> start_;  // of one row, zeros
  // Positions in the model's own signature: of the inputs, then of the states.
  std::vector<size_t> inputs_;
  std::vector<size_t> outputs_;
};

// Makes a StatefulEngine where the options say so. Owns `inner`, whose errors are its own.
class StatefulFactory final : public EngineFactory {
 public:
  explicit StatefulFactory(std::unique_ptr<EngineFactory> inner) : inner_(std::move(inner)) {}

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override;
  base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const override {
    return inner_->EstimateBytes(files);
  }
  std::string name() const override { return inner_->name(); }
  std::string version() const override { return inner_->version(); }
  std::vector<std::string> providers() const override { return inner_->providers(); }

 private:
  const std::unique_ptr<EngineFactory> inner_;
};

}  // namespace slipway::engine

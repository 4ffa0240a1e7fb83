#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/output_plan.h"
#include "engine/onnxruntime/runtime.h"

namespace slipway::engine {

// Runs one ONNX model: an OrtSession with the Engine's contract around it.
//
// Thread-safe, as Engine says. Memory of inputs is used in place when it is aligned; outputs whose
// shape the inputs tell are written into memory of ours, others keep the memory that the runtime
// gave them.
class OnnxEngine final : public Engine {
 public:
  struct Traits {
    // The destructor asks the allocator to give memory back to the system, which takes some
    // milliseconds and is worth them for large models only.
    bool trim_memory = false;
    // The model has loops whose length its inputs decide.
    bool unbounded_run_time = false;
  };
  // `signature` describes `session`.
  OnnxEngine(std::shared_ptr<const Runtime> runtime, SessionPtr session,
             tensor::Signature signature, const Traits& traits);
  ~OnnxEngine() override;

  const tensor::Signature& signature() const override { return signature_; }
  bool unbounded_run_time() const override { return traits_.unbounded_run_time; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;

 private:
  struct Call;

  base::Status RunChecked(std::span<const tensor::TensorView> inputs,
                          std::span<const size_t> outputs, base::Deadline deadline,
                          std::vector<tensor::Tensor>& results);
  base::Status Feed(std::span<const tensor::TensorView> inputs, Call& call) const;
  base::Status Allocate(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                        Call& call, std::vector<tensor::Tensor>& results) const;
  base::Status Execute(Call& call, base::Deadline deadline) const;
  base::Status Collect(std::span<const size_t> outputs, Call& call,
                       std::vector<tensor::Tensor>& results) const;

  const std::shared_ptr<const Runtime> runtime_;  // shared with the factory and other engines
  SessionPtr session_;
  const tensor::Signature signature_;
  const OutputPlan plan_;
  const Traits traits_;
  // False once an output had another shape than it declares.
  std::atomic<bool> shapes_as_declared_ = true;
};

}  // namespace slipway::engine

#pragma once

#include <chrono>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// What every engine checks before it runs, in the same words.

// kInvalidArgument unless `inputs` fit the signature: dtype, rank, fixed dimensions, none missing.
base::Status CheckInputs(const tensor::Signature& signature,
                         std::span<const tensor::TensorView> inputs);
// kInvalidArgument unless `outputs` are positions in signature.outputs, each once at most.
base::Status CheckOutputs(const tensor::Signature& signature, std::span<const size_t> outputs);
// kCancelled or kDeadlineExceeded; `when` as in "before the model was run".
base::Status Stopped(base::Deadline deadline, std::string_view when);
// "input 'data'", for messages.
std::string InputName(const tensor::TensorSpec& spec);

// Engine::Run() of an engine that computes in this process: what is checked above, and the
// deadline, before `run()` computes the results. After an error `results` is empty;
// kResourceExhausted where memory runs out.
template <typename RunChecked>
base::Status CheckedRun(const tensor::Signature& signature,
                        std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                        base::Deadline deadline, std::vector<tensor::Tensor>& results,
                        const RunChecked& run) {
  results.clear();
  try {
    SLIPWAY_RETURN_IF_ERROR(CheckInputs(signature, inputs));
    SLIPWAY_RETURN_IF_ERROR(CheckOutputs(signature, outputs));
    if (outputs.empty()) return base::OkStatus();
    if (!deadline.never() && deadline.Expired(std::chrono::steady_clock::now())) {
      return Stopped(deadline, "before the model was run");
    }
    base::Status status = run();
    if (!status.ok()) results.clear();
    return status;
  } catch (const std::bad_alloc&) {
    results.clear();
    return base::ResourceExhausted("no memory for the inputs and outputs of the model");
  }
}

}  // namespace slipway::engine

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// Runs one loaded model version. Implemented by engine/onnxruntime, and others later.
//
// Thread-safe: any number of threads may be inside Run(). The destructor must not overlap Run().
// Ownership: inputs are borrowed for the call; results own their memory and may outlive the Engine.
// Memory: everything the model took is given back by the destructor.
// Errors: kInvalidArgument (inputs do not fit signature(), or the model refuses their values),
//   kDeadlineExceeded, kCancelled (the deadline's flag was set), kResourceExhausted (memory),
//   kInternal (the runtime failed; its words are in the message). Never throws.
class Engine {
 public:
  virtual ~Engine() = default;

  // Names, dtypes and shapes of inputs and outputs. Fixed for the Engine's life.
  virtual const tensor::Signature& signature() const = 0;

  // True when the values of the inputs, not only their shapes, decide how long Run() takes (a
  // loop): what was measured with one input then says nothing about another.
  virtual bool unbounded_run_time() const { return false; }

  // How often the process of the model has been started again; none where it runs in this one.
  virtual std::optional<uint64_t> restarts() const { return std::nullopt; }

  // What a sequence begins with: one tensor for each of signature().states, of one row. They live
  // as long as the engine.
  virtual std::span<const tensor::Tensor> start_states() const { return {}; }

  // Blocks until done, or until the deadline stops it. `inputs` are in signature order, absent
  // where an optional input is left out. `outputs` are positions in signature().outputs; `results`
  // is filled with one tensor for each, in that order, and keeps its capacity, so that a caller can
  // use it again. Checks what the runtime would not check: dtype, rank and fixed dimensions of
  // every input. Where signature() has states, `inputs` may go on with one tensor for each (left
  // out: what a sequence begins with, for each row), and `outputs` with positions from
  // signature().outputs.size() on, for what they have become.
  virtual base::Status Run(std::span<const tensor::TensorView> inputs,
                           std::span<const size_t> outputs, base::Deadline deadline,
                           std::vector<tensor::Tensor>& results) = 0;
};

// The files of one model version. A value.
struct ModelFiles {
  std::filesystem::path directory = {};   // everything the model refers to lies inside it
  std::string model_file = "model.onnx";  // relative to `directory`
  // Files given over the API instead of lying on disk: relative name to content. When this is not
  // empty, nothing is read from `directory`.
  std::shared_ptr<const std::map<std::string, std::string>> in_memory = {};
};

// A part of a model's state: an input that gets what the run before gave as an output.
struct StateOption {
  std::string input;
  std::string output;
  // What a sequence begins with: zeros of this shape; empty: the model's, with one row.
  std::vector<int64_t> shape = {};
  std::optional<tensor::DType> dtype = {};  // that it must have; nullopt: the model says it

  bool operator==(const StateOption&) const = default;
};

struct EngineOptions {
  std::string provider = "cpu";  // execution provider: cpu, cuda, tensorrt, openvino, ...
  std::map<std::string, std::string> provider_options = {};  // handed to the provider as they are
  int intra_op_threads = 1;                                  // threads inside one operator
  // The model runs in a process of its own, which cannot take this one down (engine/process).
  bool own_process = false;
  int process_lanes = 1;        // requests it runs at a time
  uint64_t process_memory = 0;  // private memory it may have; 0: no limit
  // State that is kept for the model from run to run (stateful_engine.h).
  std::vector<StateOption> states = {};

  bool operator==(const EngineOptions&) const = default;
};

// Makes engines. Thread-safe.
class EngineFactory {
 public:
  virtual ~EngineFactory() = default;

  // Loads the model; may take minutes, so never call it on a request thread. kInvalidArgument (not
  // a model, damaged, unknown operator, opset too new or too old: the message names it),
  // kPermissionDenied (external data that leaves the directory), kNotFound, kUnimplemented
  // (provider or feature this build does not have; lists what it has), kResourceExhausted.
  virtual base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                                     const EngineOptions& options) const = 0;
  // Resident bytes that a loaded engine will take, at a guess from the files: weights and working
  // memory. Reads only what it must.
  virtual base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const = 0;

  virtual std::string name() const = 0;     // "onnxruntime"
  virtual std::string version() const = 0;  // "1.31.1"
  // Execution providers that this build can use, in order of preference.
  virtual std::vector<std::string> providers() const = 0;
};

}  // namespace slipway::engine

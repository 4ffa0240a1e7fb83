#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace slipway::engine {

// An Engine without a model: the signature is given, a function computes. Counts its runs.
//
//   FakeEngine engine({.inputs = {x}, .outputs = {y}}, FakeEngine::CopyInputs());
//
// Thread-safe when the function is. Checks its inputs against the signature, as every engine does;
// the deadline is the function's affair, because only the test knows by which clock it is meant.
class FakeEngine final : public Engine {
 public:
  // As Engine::Run, with `results` already empty.
  using Compute =
      std::function<base::Status(std::span<const tensor::TensorView>, std::span<const size_t>,
                                 base::Deadline, std::vector<tensor::Tensor>&)>;

  FakeEngine(tensor::Signature signature, Compute compute)
      : signature_(std::move(signature)), compute_(std::move(compute)) {}

  // Output i is a copy of input i.
  static Compute CopyInputs();
  // The engine that EngineSuite asks for.
  static std::unique_ptr<Engine> AddAndSubtract();
  // Fails every run with `status`.
  static Compute Fail(base::Status status);

  const tensor::Signature& signature() const override { return signature_; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;

  // How often Run() was called, and how often the function was (the inputs had to fit).
  int calls() const { return calls_; }
  int runs() const { return runs_; }

 private:
  const tensor::Signature signature_;
  const Compute compute_;
  std::atomic<int> calls_ = 0;
  std::atomic<int> runs_ = 0;
};

// An EngineFactory without a runtime: a function loads, which is called with the files and options
// that Load() got. Thread-safe when the function is.
class FakeEngineFactory final : public EngineFactory {
 public:
  using LoadFunction =
      std::function<base::Result<std::unique_ptr<Engine>>(const ModelFiles&, const EngineOptions&)>;

  explicit FakeEngineFactory(LoadFunction load, uint64_t estimated_bytes = 1024)
      : load_(std::move(load)), estimated_bytes_(estimated_bytes) {}

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override {
    ++loads_;
    return load_(files, options);
  }
  base::Result<uint64_t> EstimateBytes(const ModelFiles&) const override {
    return estimated_bytes_.load();
  }
  std::string name() const override { return "fake"; }
  std::string version() const override { return "1"; }
  std::vector<std::string> providers() const override { return {"cpu"}; }

  void set_estimated_bytes(uint64_t bytes) { estimated_bytes_ = bytes; }
  int loads() const { return loads_; }

 private:
  const LoadFunction load_;
  std::atomic<uint64_t> estimated_bytes_;
  mutable std::atomic<int> loads_ = 0;
};

}  // namespace slipway::engine

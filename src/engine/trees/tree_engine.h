#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/executor.h"
#include "engine/engine.h"
#include "engine/trees/program.h"

namespace slipway::engine {

// Runs a Program over the rows of a batch, a block at a time; large batches on several threads.
//
// Thread-safe, as Engine says. Memory of inputs is used in place when it is aligned.
class TreeEngine final : public Engine {
 public:
  // `signature` describes the inputs and outputs of `program`; `threads` run a large batch.
  TreeEngine(Program program, tensor::Signature signature, int threads);
  ~TreeEngine() override;

  const tensor::Signature& signature() const override { return signature_; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;

 private:
  struct Call;
  class Workspace;

  base::Status RunChecked(std::span<const tensor::TensorView> inputs,
                          std::span<const size_t> outputs, base::Deadline deadline,
                          std::vector<tensor::Tensor>& results);
  void RunBlocks(Call& call) const;
  void RunOnThreads(Call& call);
  // False when no thread could be started.
  bool StartPool();
  void RunBlock(Call& call, Workspace& workspace, size_t first_row, size_t rows) const;

  const Program program_;
  const tensor::Signature signature_;
  const size_t threads_;
  std::once_flag pool_started_;
  // Started by the first large batch, because threads inherit the priority of those that start
  // them, and models are loaded at a low one.
  std::unique_ptr<base::ThreadPool> pool_;
};

}  // namespace slipway::engine

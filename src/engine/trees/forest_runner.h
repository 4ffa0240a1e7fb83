#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"
#include "graph/tree_ensemble.h"

namespace slipway::engine {

// Runs one tree ensemble with the kernels that suit it and this machine. Immutable after its
// making, so thread-safe.
template <typename T>
class ForestRunner {
 public:
  // As MakeForest() says. Takes some milliseconds: kernels are timed against each other.
  explicit ForestRunner(const graph::TreeEnsemble& ensemble);

  // `rows` is [count][features], `sums` is [count][targets] and is overwritten; `scratch` has
  // count * scratch_row_size() elements.
  void Run(const T* rows, size_t count, T* sums, T* scratch) const;
  size_t scratch_row_size() const { return stride_; }

 private:
  using Column = typename Forest<T>::Column;

  void FillRow(const T* row, T* out) const;

  size_t features_;
  size_t targets_;
  size_t stride_;
  std::vector<Column> columns_;
  std::unique_ptr<Kernel<T>> kernel_;
  T divisor_;  // the number of trees for a mean, else 0
};

}  // namespace slipway::engine

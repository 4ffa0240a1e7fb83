#pragma once

#include <cstddef>
#include <vector>

#include "engine/trees/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel_choice.h"
#include "graph/tree_ensemble.h"

namespace slipway::engine {

// Runs one tree ensemble with the kernels that suit it and this machine. Immutable after its
// making, so thread-safe.
template <typename T>
class ForestRunner {
 public:
  // As MakeForest() says. Takes some milliseconds: kernels are timed against each other. The
  // processor has `level`.
  explicit ForestRunner(const graph::TreeEnsemble& ensemble, CpuLevel level = HighestCpuLevel());

  // `rows` is [count][features], `sums` is [count][targets] and is overwritten; `scratch` has
  // count * scratch_row_size() elements.
  void Run(const T* rows, size_t count, T* sums, T* scratch) const;
  size_t scratch_row_size() const { return stride_; }

 private:
  using Column = typename Forest<T>::Column;
  // Columns side by side whose features are, too, and whose missing values mean the same.
  struct Stretch {
    typename Column::Missing missing;
    size_t first_feature;
    size_t first_column;
    size_t count;
  };

  static std::vector<Stretch> StretchesOf(const std::vector<Column>& columns);

  ForestRunner(const graph::TreeEnsemble& ensemble, const Forest<T>& forest, CpuLevel level);
  void FillRow(const T* row, T* out) const;

  const size_t features_;
  const size_t targets_;
  const size_t stride_;
  const KernelChoice<T> kernels_;
  const std::vector<Stretch> stretches_;
  const T divisor_;  // the number of trees for a mean, else 0
};

}  // namespace slipway::engine

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cpu_level.h"
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
  // processor has `level`. `missing_becomes` is what a missing value is taken for, by feature or
  // one for all, as InputFold has it.
  explicit ForestRunner(const graph::TreeEnsemble& ensemble,
                        base::CpuLevel level = base::HighestCpuLevel(),
                        std::span<const double> missing_becomes = {});

  // `rows` is [count][features], `sums` is [count][targets] and is overwritten; `scratch` has
  // count * scratch_row_size() elements.
  void Run(const T* rows, size_t count, T* sums, T* scratch) const;
  size_t scratch_row_size() const { return stride_; }

 private:
  using Column = typename Forest<T>::Column;
  // Columns side by side whose features are, too, and that are laid out in the same way.
  struct Stretch {
    enum class Kind : uint8_t {
      kCopied,
      kFilled,   // and something else where it is missing
      kFlagged,  // 0, and something else where it is missing
    };
    Kind kind;
    size_t first_feature;
    size_t first_column;
    size_t count;
  };

  static std::vector<T> WhereMissing(const std::vector<Column>& columns,
                                     std::span<const double> missing_becomes);
  static std::vector<Stretch> StretchesOf(const std::vector<Column>& columns,
                                          std::span<const T> where_missing);

  ForestRunner(const graph::TreeEnsemble& ensemble, const Forest<T>& forest, base::CpuLevel level,
               std::span<const double> missing_becomes);
  void FillRow(const T* row, T* out) const;

  const base::CpuLevel level_;
  const size_t features_;
  const size_t targets_;
  const size_t stride_;
  const KernelChoice<T> kernels_;
  const std::vector<T> where_missing_;  // by column: what it holds where its feature is missing
  const std::vector<Stretch> stretches_;
  const T divisor_;  // the number of trees for a mean, else 0
};

}  // namespace slipway::engine

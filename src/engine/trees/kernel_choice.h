#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// Every kernel that can run `forest` on a processor that has `level`; the first is the walk kernel.
template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest,
                                                        base::CpuLevel level);

// The fastest kernels for a forest on this processor: one for a few rows, one for many, which may
// be the same. Which they are depends on the processor, its caches and the forest, and is measured;
// what they compute does not.
template <typename T>
class KernelChoice {
 public:
  // From so many rows on a kernel for many is asked.
  static constexpr size_t kMany = 32;

  // Runs every eligible kernel for some milliseconds at most.
  KernelChoice(const Forest<T>& forest, base::CpuLevel level);

  const Kernel<T>& For(size_t rows) const { return rows < kMany ? *few_ : *many_; }

 private:
  // Shared because both may be one kernel.
  std::shared_ptr<const Kernel<T>> few_;
  std::shared_ptr<const Kernel<T>> many_;
};

}  // namespace slipway::engine

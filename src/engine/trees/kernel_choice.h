#pragma once

#include <memory>
#include <vector>

#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// Every kernel that can run `forest` on this processor; the first is the walk kernel.
template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest);

// The fastest kernel for `forest` on this processor.
template <typename T>
std::unique_ptr<Kernel<T>> ChooseKernel(const Forest<T>& forest);

}  // namespace slipway::engine

#pragma once

#include <memory>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// For oblivious trees (see ObliviousTree) of at most 16 levels: a level of 64 trees is one byte
// comparison, whose answers are a bit of each tree's leaf.
//
// Needs AVX-512 with VBMI, at most 255 different thresholds a column and 640 columns. nullptr when
// the processor or the forest has not what it takes.
template <typename T>
std::unique_ptr<Kernel<T>> MakeObliviousKernel(const Forest<T>& forest, base::CpuLevel level);

}  // namespace slipway::engine

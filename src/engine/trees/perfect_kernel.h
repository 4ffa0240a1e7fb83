#pragma once

#include <memory>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// For trees of at most six levels: a tree lies as a heap of 63 nodes, which are all asked at once
// by one byte comparison of a 512-bit vector; then the answers are walked, eight trees at a time,
// without touching memory.
//
// Needs AVX-512 with VBMI, at most 255 different thresholds a column and 640 columns. nullptr when
// the processor or the forest has not what it takes.
template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>& forest, base::CpuLevel level);

}  // namespace slipway::engine

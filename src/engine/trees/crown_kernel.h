#pragma once

#include <memory>

#include "engine/trees/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// For trees of more than six levels, and few rows. The six highest levels of a tree, its crown, are
// asked all at once, as the perfect kernel does; what is below them is walked, many trees of one
// row together, and only those that are not at a leaf yet: leaf-wise trees have few rows at the
// bottom.
//
// Needs AVX-512 with VBMI, at most 255 different thresholds a column and 512 columns, and trees of
// less than 32,768 leaves. nullptr when the processor or the forest has not what it takes.
template <typename T>
std::unique_ptr<Kernel<T>> MakeCrownKernel(const Forest<T>& forest, CpuLevel level);

}  // namespace slipway::engine

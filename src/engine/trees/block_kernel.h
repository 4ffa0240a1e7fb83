#pragma once

#include <memory>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// Sixty-four rows at a time: their bytes lie column by column, so that a node is one comparison for
// all of them, and the leaves that they reach are put together from below: at each node a row takes
// the leaf of its left or its right child. Looks at every node of every tree, and is still faster
// than going down, because no step waits for another row's memory.
//
// Takes trees of any shape of at most 256 leaves. Needs at most 255 different thresholds a column
// and 1,023 columns; nullptr when the forest has more. Every processor has vectors for it; the
// wider, the faster (see block_steps.h). A block of fewer rows costs as much as a full one.
template <typename T>
std::unique_ptr<Kernel<T>> MakeBlockKernel(const Forest<T>& forest, base::CpuLevel level);

}  // namespace slipway::engine

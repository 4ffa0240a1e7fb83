#pragma once

#include <memory>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// For trees of any shape. A tree is cut into pieces of at most 63 nodes; all nodes of
// a piece are asked at once, and their answers tell of each where a row goes on from there. Then
// every node takes over where the one that it leads to leads, and so on: each step doubles how far
// the first one sees (pointer jumping: Hillis and Steele, "Data parallel algorithms", 1986), until
// it sees the leaf, or the piece below.
//
// Needs AVX-512 with VBMI, at most 255 different thresholds a column and 640 columns. nullptr when
// the processor or the forest has not what it takes.
template <typename T>
std::unique_ptr<Kernel<T>> MakeJumpKernel(const Forest<T>& forest, base::CpuLevel level);

}  // namespace slipway::engine

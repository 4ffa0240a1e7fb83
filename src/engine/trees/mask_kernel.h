#pragma once

#include <memory>

#include "engine/trees/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// Asks all nodes of a tree at once: a tree has at most 63 nodes, whose 64 answers are one byte
// comparison of a 512-bit vector. What follows differs:
//
// - perfect: a tree of at most 6 levels lies as a heap, and the answers are walked, eight trees
//   at a time, without touching memory;
// - leaves: a tree of at most 64 leaves, however deep: each node that sends the row right rules out
//   the leaves on its left, and the first leaf that remains is the one (as QuickScorer does,
//   Lucchese et al., SIGIR 2015).
//
// Needs AVX-512 with VBMI, and at most 255 different thresholds a column and 512 columns. nullptr
// when the processor or the forest has not what it takes.
template <typename T>
std::unique_ptr<Kernel<T>> MakePerfectKernel(const Forest<T>& forest, CpuLevel level);
template <typename T>
std::unique_ptr<Kernel<T>> MakeLeavesKernel(const Forest<T>& forest, CpuLevel level);

}  // namespace slipway::engine

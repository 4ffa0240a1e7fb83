#pragma once

#include <memory>
#include <vector>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// Goes down the trees node by node, without branches: a node's children lie side by side, so that a
// step adds the comparison to an offset, and a leaf is a node that leads to itself. Many trees of
// one row, or sixteen rows of one tree, go down together, because each step waits for memory.
//
// Takes any forest and needs no special processor: what the other kernels are measured against and
// tested against. `forest` is copied from and need not live on.
//
// Two kernels over the same nodes: "walk" stays with twelve trees until all are at a leaf; "open
// walk" goes down all trees as far as leaves lie on average, and then with those that are not at
// one.
template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> MakeWalkKernels(const Forest<T>& forest);

// The same over bytes (see ByteForest), with nodes of half the size or a quarter: for forests that
// do not fit a cache. None when a column has more than 255 thresholds.
template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> MakeByteWalkKernels(const Forest<T>& forest,
                                                            base::CpuLevel level);

}  // namespace slipway::engine

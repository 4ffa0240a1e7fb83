#pragma once

#include <cstdint>
#include <memory>

#include "engine/trees/cpu_level.h"
#include "engine/trees/forest.h"
#include "engine/trees/kernel.h"

namespace slipway::engine {

// How one row goes through many trees.
enum class WalkOrder : uint8_t {
  kTogether,  // twelve trees, until all are at a leaf
  kOpen,      // all, as far as leaves lie on average; then those that are not at one, side by side
};

// Goes down the trees node by node, without branches: a node's children lie side by side, so that a
// step adds the comparison to an offset, and a leaf is a node that leads to itself. Many trees of
// one row, or sixteen rows of one tree, go down together, because each step waits for memory.
//
// Takes any forest and needs no special processor: what the other kernels are measured against and
// tested against. `forest` is copied from and need not live on.
template <typename T>
std::unique_ptr<Kernel<T>> MakeWalkKernel(const Forest<T>& forest, WalkOrder order);

// The same over bytes (see ByteForest), with nodes of half the size or a quarter: for forests that
// do not fit a cache. nullptr when a column has more than 255 thresholds.
template <typename T>
std::unique_ptr<Kernel<T>> MakeByteWalkKernel(const Forest<T>& forest, CpuLevel level,
                                              WalkOrder order);

}  // namespace slipway::engine

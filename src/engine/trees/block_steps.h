#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu_level.h"
#include "engine/trees/block_bins.h"

namespace slipway::engine {

// What the block kernel does for 64 rows and one tree, in the instructions of each base::CpuLevel.

constexpr size_t kMaxBlockLeaves = 256;

// Positions in bytes, of vectors: the column's, and the children's among the leaves and nodes.
struct BlockNode {
  uint16_t column;
  uint16_t left;
  uint16_t right;
  uint8_t rank;
};

// What one level of an oblivious tree asks.
struct BlockLevel {
  uint16_t column;  // position in bytes of its vector
  uint8_t rank;
};

// What the rows of a block have reached: vector i, for i < kMaxBlockLeaves, is leaf i for all of
// them; behind it lie the vectors of the nodes of one tree.
struct Reached {
  RowBytes leaves[kMaxBlockLeaves];
  RowBytes nodes[kMaxBlockLeaves];
};

template <typename T>
struct BlockSteps {
  // Fills reached.nodes for a tree whose nodes come after their children: each row takes what its
  // left or its right child has reached.
  void (*find_leaves)(std::span<const BlockNode> nodes, const RowBytes* columns, Reached& reached);
  // leaves[row] = the answers of a row to the levels of an oblivious tree, a bit each, the first
  // one the lowest. At most eight levels.
  void (*find_oblivious)(std::span<const BlockLevel> levels, const RowBytes* columns,
                         RowBytes& leaves);
  // Adds values[leaf] to the sum of each row.
  void (*add_values)(const RowBytes& leaves, const T* values, T* sums);
};

// The processor has `level`.
template <typename T>
BlockSteps<T> BlockStepsOf(base::CpuLevel level);

}  // namespace slipway::engine

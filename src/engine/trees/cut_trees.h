#pragma once

#include <cstddef>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

// Cuts trees into pieces of at most `max_nodes` connected nodes, so that every way from a root to a
// leaf crosses few pieces, and there are few. By node of the forest: whether a piece begins there.
template <typename T>
std::vector<bool> CutTrees(const Forest<T>& forest, size_t max_nodes);

}  // namespace slipway::engine

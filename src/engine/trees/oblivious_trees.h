#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

// A tree that asks the same at all nodes of a level, as CatBoost grows them: its leaf is told by
// one answer a level.
struct ObliviousTree {
  std::vector<size_t> nodes;   // by level: one of its nodes, a position in the forest
  std::vector<size_t> leaves;  // bit l of the position: the row goes right at level l
};

// nullopt when a tree is of another kind, or deeper than `max_depth`.
template <typename T>
std::optional<std::vector<ObliviousTree>> ObliviousTreesOf(const Forest<T>& forest,
                                                           size_t max_depth);

}  // namespace slipway::engine

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

// How deep the deepest tree is, and how many leaves the widest has.
struct ForestSizes {
  uint32_t depth = 0;
  size_t leaves = 1;
};

template <typename T>
ForestSizes SizesOf(const Forest<T>& forest) {
  ForestSizes sizes;
  std::vector<std::pair<int32_t, uint32_t>> open;
  for (const int32_t root : forest.roots) {
    size_t leaves = 0;
    open.assign(1, {root, 0});
    while (!open.empty()) {
      const auto [child, level] = open.back();
      open.pop_back();
      sizes.depth = std::max(sizes.depth, level);
      if (child < 0) {
        ++leaves;
        continue;
      }
      open.emplace_back(forest.nodes[static_cast<size_t>(child)].left, level + 1);
      open.emplace_back(forest.nodes[static_cast<size_t>(child)].right, level + 1);
    }
    sizes.leaves = std::max(sizes.leaves, leaves);
  }
  return sizes;
}

}  // namespace slipway::engine

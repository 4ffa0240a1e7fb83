#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

struct TreeSize {
  uint32_t depth = 0;
  size_t leaves = 0;
};

// By tree.
template <typename T>
std::vector<TreeSize> SizesOf(const Forest<T>& forest) {
  std::vector<TreeSize> sizes;
  std::vector<std::pair<int32_t, uint32_t>> open;
  for (const int32_t root : forest.roots) {
    TreeSize& size = sizes.emplace_back();
    open.assign(1, {root, 0});
    while (!open.empty()) {
      const auto [child, level] = open.back();
      open.pop_back();
      size.depth = std::max(size.depth, level);
      if (child < 0) {
        ++size.leaves;
        continue;
      }
      open.emplace_back(forest.nodes[static_cast<size_t>(child)].left, level + 1);
      open.emplace_back(forest.nodes[static_cast<size_t>(child)].right, level + 1);
    }
  }
  return sizes;
}

}  // namespace slipway::engine

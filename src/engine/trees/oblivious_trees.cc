#include "engine/trees/oblivious_trees.h"

#include <algorithm>
#include <span>
#include <utility>

namespace slipway::engine {
namespace {

// Whether all are nodes that ask the same.
template <typename T>
bool AskTheSame(const Forest<T>& forest, std::span<const int32_t> level) {
  return std::ranges::all_of(level, [&](int32_t child) {
    if (child < 0) return false;
    const auto& first = forest.nodes[static_cast<size_t>(level.front())];
    const auto& node = forest.nodes[static_cast<size_t>(child)];
    return node.column == first.column && node.threshold == first.threshold;
  });
}

template <typename T>
std::optional<ObliviousTree> ObliviousTreeOf(const Forest<T>& forest, int32_t root,
                                             size_t max_depth) {
  ObliviousTree tree;
  std::vector<int32_t> level = {root};
  while (level.front() >= 0) {
    if (tree.nodes.size() == max_depth || !AskTheSame<T>(forest, level)) return std::nullopt;
    tree.nodes.push_back(static_cast<size_t>(level.front()));
    std::vector<int32_t> next(level.size() * 2);
    for (size_t i = 0; i < level.size(); ++i) {
      next[i] = forest.nodes[static_cast<size_t>(level[i])].left;
      next[i + level.size()] = forest.nodes[static_cast<size_t>(level[i])].right;
    }
    level = std::move(next);
  }
  for (const int32_t child : level) {
    if (child >= 0) return std::nullopt;
    tree.leaves.push_back(graph::TreeEnsemble::LeafOf(child));
  }
  return tree;
}

}  // namespace

template <typename T>
std::optional<std::vector<ObliviousTree>> ObliviousTreesOf(const Forest<T>& forest,
                                                           size_t max_depth) {
  std::vector<ObliviousTree> trees;
  for (const int32_t root : forest.roots) {
    std::optional<ObliviousTree> tree = ObliviousTreeOf(forest, root, max_depth);
    if (!tree) return std::nullopt;
    trees.push_back(*std::move(tree));
  }
  return trees;
}

template std::optional<std::vector<ObliviousTree>> ObliviousTreesOf(const Forest<float>&, size_t);
template std::optional<std::vector<ObliviousTree>> ObliviousTreesOf(const Forest<double>&, size_t);

}  // namespace slipway::engine

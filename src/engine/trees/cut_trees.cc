#include "engine/trees/cut_trees.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace slipway::engine {
namespace {

// What is below a node, with it.
struct Below {
  size_t nodes = 0;   // of the piece that it belongs to
  size_t pieces = 0;  // that the longest way down crosses
};

// The inner nodes of a tree, each before those below it.
template <typename T>
std::vector<size_t> NodesOf(const Forest<T>& forest, int32_t root) {
  std::vector<size_t> nodes;
  std::vector<int32_t> open = {root};
  while (!open.empty()) {
    const int32_t child = open.back();
    open.pop_back();
    if (child < 0) continue;
    const auto number = static_cast<size_t>(child);
    nodes.push_back(number);
    open.push_back(forest.nodes[number].left);
    open.push_back(forest.nodes[number].right);
  }
  return nodes;
}

}  // namespace

// From the leaves up: a node joins the pieces of both its children, or of the one with the longer
// way down, as long as that does not make ways longer. Where a piece would become too large, the
// heavier child begins one of its own; so does the lighter one, unless it is small.
template <typename T>
std::vector<bool> CutTrees(const Forest<T>& forest, size_t max_nodes) {
  std::vector<bool> begins(forest.nodes.size());
  std::vector<Below> below(forest.nodes.size());
  for (const int32_t root : forest.roots) {
    const std::vector<size_t> nodes = NodesOf(forest, root);
    for (size_t i = nodes.size(); i-- > 0;) {
      const auto& node = forest.nodes[nodes[i]];
      std::array<int32_t, 2> children = {node.left, node.right};
      const auto of = [&](int32_t child) {
        return child < 0 ? Below{} : below[static_cast<size_t>(child)];
      };
      // First the one that must not be cut off.
      if (of(children[0]).pieces < of(children[1]).pieces) std::swap(children[0], children[1]);
      const Below first = of(children[0]);
      const Below second = of(children[1]);
      const bool alike = first.pieces == second.pieces;
      Below& here = below[nodes[i]];
      here = {.nodes = 1, .pieces = std::max<size_t>(first.pieces, 1)};
      const auto join_or_cut = [&](int32_t child, size_t limit) {
        if (child < 0) return;
        if (here.nodes + of(child).nodes <= limit) {
          here.nodes += of(child).nodes;
        } else {
          begins[static_cast<size_t>(child)] = true;
        }
      };
      if (1 + first.nodes + (alike ? second.nodes : 0) <= max_nodes) {
        join_or_cut(children[0], max_nodes);
        join_or_cut(children[1], max_nodes);
        continue;
      }
      ++here.pieces;
      if (first.nodes < second.nodes) std::swap(children[0], children[1]);
      begins[static_cast<size_t>(children[0])] = true;
      join_or_cut(children[1], max_nodes / 4);
    }
    if (root >= 0) begins[static_cast<size_t>(root)] = true;
  }
  return begins;
}

template std::vector<bool> CutTrees(const Forest<float>&, size_t);
template std::vector<bool> CutTrees(const Forest<double>&, size_t);

}  // namespace slipway::engine

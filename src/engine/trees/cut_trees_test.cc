#include "engine/trees/cut_trees.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/trees/forest.h"
#include "graph/testing/random_trees.h"

namespace slipway::engine {
namespace {

struct Pieces {
  size_t count = 0;
  size_t largest = 0;       // nodes
  size_t most_crossed = 0;  // on a way from a root to a leaf
};

// Walks every way, and counts.
Pieces Count(const Forest<float>& forest, const std::vector<bool>& begins) {
  Pieces all;
  struct Way {
    int32_t child;
    size_t crossed;
    size_t piece;
  };
  std::vector<size_t> sizes;
  std::vector<Way> open;
  for (const int32_t root : forest.roots) open.push_back({root, 0, 0});
  while (!open.empty()) {
    Way way = open.back();
    open.pop_back();
    all.most_crossed = std::max(all.most_crossed, way.crossed);
    if (way.child < 0) continue;
    const auto number = static_cast<size_t>(way.child);
    if (begins[number]) {
      ++way.crossed;
      way.piece = sizes.size();
      sizes.push_back(0);
    }
    ++sizes.at(way.piece);
    open.push_back({forest.nodes[number].left, way.crossed, way.piece});
    open.push_back({forest.nodes[number].right, way.crossed, way.piece});
  }
  for (const int32_t root : forest.roots) {
    if (root < 0) continue;
    EXPECT_TRUE(begins[static_cast<size_t>(root)]);
  }
  for (const size_t size : sizes) all.largest = std::max(all.largest, size);
  all.count = sizes.size();
  return all;
}

Forest<float> Perfect(int depth, int trees) {
  return MakeForest<float>(
      graph::RandomTrees(
          {.type = graph::ElementType::kFloat, .trees = trees, .depth = depth, .thinning = 0}, 1)
          .Make());
}

TEST(CutTreesTest, LeavesSmallTreesWhole) {
  const Forest<float> forest = Perfect(6, 10);
  const Pieces pieces = Count(forest, CutTrees(forest, 63));
  // Trees of one leaf have no pieces.
  EXPECT_EQ(pieces.count, static_cast<size_t>(std::ranges::count_if(
                              forest.roots, [](int32_t root) { return root >= 0; })));
  EXPECT_EQ(pieces.most_crossed, 1U);
  EXPECT_EQ(pieces.largest, 63U);
}

TEST(CutTreesTest, CutsAsFewLevelsAsItTakes) {
  const Forest<float> twelve = Perfect(12, 1);
  const Pieces pieces = Count(twelve, CutTrees(twelve, 63));
  EXPECT_EQ(pieces.most_crossed, 2U);
  EXPECT_EQ(pieces.count, 65U);
  const Forest<float> thirteen = Perfect(13, 1);
  EXPECT_EQ(Count(thirteen, CutTrees(thirteen, 63)).most_crossed, 3U);
}

// A tree that is a chain, every node with a leaf or a small tree on its left.
TEST(CutTreesTest, MakesFewPiecesOfAChain) {
  for (const bool with_leaves : {true, false}) {
    Forest<float> forest;
    forest.roots = {0};
    for (int32_t i = 0; i < 2000; ++i) {
      const auto at = static_cast<int32_t>(forest.nodes.size());
      const bool last = i == 1999;
      if (with_leaves) {
        forest.nodes.push_back({.left = -1, .right = last ? -1 : at + 1});
      } else {
        forest.nodes.push_back({.left = at + 1, .right = last ? -1 : at + 2});
        forest.nodes.push_back({.left = -1, .right = -1});
      }
    }
    const Pieces pieces = Count(forest, CutTrees(forest, 63));
    EXPECT_LE(pieces.largest, 63U);
    EXPECT_LE(pieces.most_crossed, forest.nodes.size() / 60 + 1);
    EXPECT_LE(pieces.count, forest.nodes.size() / 30 + 1);
  }
}

TEST(CutTreesTest, TakesTreesOfOneLeafAndNoTrees) {
  Forest<float> forest;
  EXPECT_TRUE(CutTrees(forest, 63).empty());
  forest.roots = {~0};
  EXPECT_TRUE(CutTrees(forest, 63).empty());
}

}  // namespace
}  // namespace slipway::engine

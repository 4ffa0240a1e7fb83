#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/tree_ensemble.h"

namespace slipway::engine {

// A tree ensemble in the one form that every kernel here runs: at each node a row goes right when
// column >= threshold, else left. T (float or double) is the type of columns, thresholds and sums.
//
// x < s becomes x >= s, and x <= s becomes x >= the next number above s: both exact. A missing
// value needs no test at the nodes: a feature becomes a column in which NaN stays, and so goes left
// everywhere, and one in which it is infinity, and so goes right; a node takes the one that it
// needs. Where infinity would not do (x <= +inf, which only a missing value fails), the node looks
// at a third kind of column, which is 1 where the value is missing.
template <typename T>
struct Forest {
  struct Column {
    enum class Missing : uint8_t { kStays, kInfinity, kFlag };
    uint32_t feature = 0;
    Missing missing = Missing::kStays;
    friend bool operator==(const Column&, const Column&) = default;
  };
  struct Node {
    T threshold = 0;
    uint32_t column = 0;
    int32_t left = 0;  // >= 0: a position in `nodes`; negative: the leaf ~left
    int32_t right = 0;
  };

  uint32_t features = 0;
  // Those that a node looks at; all of a kind side by side, by feature, so that a row is laid out
  // in few stretches.
  std::vector<Column> columns;
  std::vector<Node> nodes;
  std::vector<int32_t> roots;  // in the order of the sum: like Node::left
  uint32_t targets = 1;
  uint32_t values_per_leaf = 1;
  std::vector<uint32_t> first_target;  // by leaf
  std::vector<T> values;               // by leaf, `values_per_leaf` each
};

// `ensemble` passed Validate(), has no tests of membership, and its numbers are exact as T.
template <typename T>
Forest<T> MakeForest(const graph::TreeEnsemble& ensemble);

// Trees [first, last) alone, with the same columns.
template <typename T>
Forest<T> TreesOf(const Forest<T>& forest, size_t first, size_t last);

// The target that the leaves of each tree add to; nullopt when those of a tree add to several.
template <typename T>
std::optional<std::vector<uint32_t>> TargetsOfTrees(const Forest<T>& forest);

}  // namespace slipway::engine

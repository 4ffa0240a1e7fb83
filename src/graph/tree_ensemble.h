#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "graph/element_type.h"
#include "graph/graph_builder.h"

namespace slipway::graph {

// A sum (or mean) of decision trees, as every tree library means it, with nothing left open: on
// which side a value falls, where a missing one goes, in which precision and order the sum is made.
// A value; filled by importers, run by engine/trees.
//
// A row is [features] numbers of `type`. Every tree starts at its root; at an inner node the row
// goes to `yes` when its test holds, else to `no`. The leaves' values are added for each target in
// the order of the trees, in `type`, starting from zero: a library that starts from a base score
// has a first tree with that leaf only. kMean divides by the number of trees at the end.
struct TreeEnsemble {
  enum class Test : uint8_t {
    kLess,         // x < split
    kLessOrEqual,  // x <= split
    kMember,       // x, cut to an integer, is one of `members`
  };

  struct Node {
    Test test = Test::kLessOrEqual;
    bool missing_is_yes = false;  // where NaN goes
    uint32_t feature = 0;
    double split = 0;      // of `type`: exact when it is kFloat
    uint32_t members = 0;  // for kMember: position in `member_sets`
    int32_t yes = 0;       // >= 0: a position in `nodes`; negative: the leaf ~yes
    int32_t no = 0;
  };

  enum class Aggregate : uint8_t { kSum, kMean };

  ElementType type = ElementType::kDouble;  // kDouble or kFloat: of splits, values and sums
  uint32_t features = 0;                    // columns of the input
  uint32_t targets = 1;                     // columns of the output
  Aggregate aggregate = Aggregate::kSum;

  std::vector<int32_t> roots;  // of the trees, in the order of the sum: like Node::yes
  std::vector<Node> nodes;
  // Leaf i adds values[i * values_per_leaf + k] to target first_target[i] + k.
  uint32_t values_per_leaf = 1;  // 1, or `targets` for trees that answer for all targets at once
  std::vector<uint32_t> first_target;
  std::vector<double> values;  // of `type`: exact when it is kFloat

  std::vector<std::vector<int64_t>> member_sets;

  // The leaf that a root or child below 0 stands for.
  static size_t LeafOf(int32_t child) {
    const int32_t leaf = ~child;
    return static_cast<size_t>(leaf);
  }
};

// kInvalidArgument, with tree, node or leaf in front, unless the ensemble is one that
// AddTreeEnsemble() takes: every position in range, every node reached once at most, splits that
// are numbers, numbers that are of `type`, not more nodes than an ONNX file holds or levels than
// ONNX Runtime walks. Linear in the size of the ensemble, without recursion.
base::Status Validate(const TreeEnsemble& ensemble);

// Adds the ensemble to a graph: `x` is [batch, features] of `ensemble.type`; the result is [batch,
// targets] of the same type. `ensemble` must pass Validate(). Source: ONNX operator ai.onnx.ml
// TreeEnsemble, version 5.
Value AddTreeEnsemble(GraphBuilder& graph, const Value& x, const TreeEnsemble& ensemble);

}  // namespace slipway::graph

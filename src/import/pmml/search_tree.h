#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "graph/tree_ensemble.h"

namespace slipway::import::pmml {

// A decision tree that looks numbers up in tables: as many tests as the number of rows has digits
// in base two. It is made from its leaves up; what is made gives the place at which a test may go
// on.
//
//   SearchTree tree(1, 1);
//   const int32_t root = tree.Equal(0, keys, [&](size_t i) { return tree.Leaf({&values[i], 1}); });
//   SLIPWAY_ASSIGN_OR_RETURN(const Value found, std::move(tree).AddTo(graph, x, root));
//
// Each place is used once. NaN fails every test. Thread-compatible.
class SearchTree {
 public:
  using Place = int32_t;
  using Make = std::function<Place(size_t position)>;

  // Of `columns` of the input, and as many `values` at each leaf.
  SearchTree(uint32_t columns, uint32_t values);

  Place Leaf(std::span<const double> values);
  Place Missing();  // a leaf of NaN
  Place Test(uint32_t column, graph::TreeEnsemble::Test test, double split, Place yes, Place no);
  // `keys` ascend, at least one. Goes to make(the position of the key that the column is), else to
  // Missing().
  Place Equal(uint32_t column, std::span<const double> keys, const Make& make);
  // Goes to make(the position of the last key that is not above the column), else to `before`.
  Place NotAbove(uint32_t column, std::span<const double> keys, Place before, const Make& make);

  // [batch, values] for `x`, [batch, columns] of doubles. kInvalidArgument where the tree is larger
  // than an ONNX file can hold.
  base::Result<graph::Value> AddTo(graph::GraphBuilder& graph, const graph::Value& x,
                                   Place root) &&;

 private:
  // The last key that is not above, where one is.
  Place Last(uint32_t column, std::span<const double> keys, size_t first, const Make& make);

  graph::TreeEnsemble tree_;
};

}  // namespace slipway::import::pmml

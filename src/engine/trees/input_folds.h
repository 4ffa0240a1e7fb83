#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "graph/onnx_graph.h"
#include "graph/tree_ensemble.h"

namespace slipway::engine {

// What a graph does to rows before its trees see them, where the trees can do it themselves.
//
// LightGBM takes all that is within 1e-35 of zero for zero, and missing values of features that had
// none in training, too. Importers write that as steps over whole rows, before the TreeEnsemble:
//
//   filled = Where(IsNaN(x), m, x)               m, z: a number for each column
//   seen = Where(|filled| <= edge, z, filled)    z: zero as a rule
//
// The first costs nothing where rows are laid out for the trees (ForestRunner). The second only
// changes on which side of a threshold a value falls, so the nodes can be changed instead: a
// threshold within the band moves to the end of it.
struct InputFold {
  struct Band {
    std::vector<double> zero_becomes;  // by column, or one for all
    double edge = 0;
  };

  std::string_view input;  // the value that the trees see instead
  // By column, or one for all; NaN where missing values stay so. Empty: they all do.
  std::vector<double> missing_becomes;
  std::optional<Band> band;

  // Whether there is a number for each of so many columns.
  bool Fits(uint32_t columns) const;
  // Changes the nodes of `ensemble`, whose numbers are exact in its type.
  void Apply(graph::TreeEnsemble& ensemble) const;
};

// The folds of a graph, and the nodes that nobody needs any more.
class InputFolds {
 public:
  explicit InputFolds(const graph::OnnxGraph& graph);

  // nullptr where the node reads its input as it is.
  const InputFold* Of(const graph::OnnxNode& trees) const;
  bool IsUnused(const graph::OnnxNode& node) const { return unused_.contains(&node); }

 private:
  class Finder;

  std::map<const graph::OnnxNode*, InputFold> folds_;
  std::set<const graph::OnnxNode*> unused_;
};

}  // namespace slipway::engine

#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "graph/tree_ensemble.h"
#include "import/lightgbm/feature_columns.h"
#include "import/lightgbm/model.h"

namespace slipway::import::lightgbm {

// Trees as an ensemble in double, and the columns that it looks at. With linear leaves, target 0
// sums the constants, and target 1 + i the coefficients of column linear_columns[i], so that
//   sum = target 0 + (target 1 + i) * (column linear_columns[i]), over all i.
// A leaf without a NaN among its features is told from one with by further nodes.
struct Forest {
  graph::TreeEnsemble ensemble;
  std::vector<int64_t> linear_columns;
};

// The trees at `positions`, each adding to target group_of[i] of `targets`; linear trees only with
// one target. `columns` gets what they look at. kInvalidArgument names tree and node,
// kResourceExhausted is for linear leaves that have too many coefficients together.
base::Result<Forest> ToForest(const Model& model, const std::vector<size_t>& positions,
                              const std::vector<uint32_t>& group_of, uint32_t targets,
                              FeatureColumns& columns);

}  // namespace slipway::import::lightgbm

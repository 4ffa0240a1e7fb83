#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "graph/tree_ensemble.h"
#include "import/answer.h"
#include "import/xgboost/model.h"

namespace slipway::import::xgboost {

// The margins that the output starts from, one for each group: the base score, brought to the scale
// of the trees' sum. kInvalidArgument when it is not finite there, or has the wrong length.
base::Result<std::vector<float>> BaseMargins(const Model& model);

// The first `trees` trees as an ensemble in float32, which sums in the order of XGBoost: the base
// margin first, then tree by tree. kInvalidArgument names tree and node.
base::Result<graph::TreeEnsemble> ToEnsemble(const Model& model, size_t trees);

// kInvalidArgument when sizes are out of range or contradict each other, kUnimplemented for an
// objective that is not known. Trees and base score are left to AddBooster().
base::Status CheckModel(const Model& model);

// Adds what a model that passes CheckModel() computes: `x` is FP32 [batch, features], NaN where a
// value is missing. kInvalidArgument as above.
base::Result<Answer> AddBooster(graph::GraphBuilder& graph, const graph::Value& x,
                                const Model& model, size_t trees);

}  // namespace slipway::import::xgboost

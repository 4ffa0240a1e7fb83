#pragma once

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/answer.h"
#include "import/catboost/category_columns.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {

// kUnimplemented with everything in the model that is not supported: losses, and splits by texts
// and embeddings.
base::Status CheckSupported(const Model& model);

// Adds what a model that passes CheckModel() and CheckSupported() computes. kInvalidArgument names
// the tree.
base::Result<Answer> AddModel(graph::GraphBuilder& graph, const Inputs& inputs, const Model& model);

}  // namespace slipway::import::catboost

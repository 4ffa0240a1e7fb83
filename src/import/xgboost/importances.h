#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/importer.h"

namespace slipway::import::xgboost {

// What each column is worth to the trees of a model in JSON or UBJSON, or as a pickled Booster
// holds it: "weight" counts splits, "total_gain" and "total_cover" sum what they gain and see,
// "gain" and "cover" are the means. In float32 and in XGBoost's order, so that equal columns stay
// equal. kInvalidArgument names the place in the document; kUnimplemented for any other type, for
// gblinear and for the old binary format.
// Source: XGBoost 3.2, src/gbm/gbtree.h (FeatureScore), include/xgboost/tree_model.h (WalkTree).
base::Result<std::vector<float>> ColumnImportances(std::span<const std::byte> bytes,
                                                   std::string_view type,
                                                   const ImportLimits& limits);

}  // namespace slipway::import::xgboost

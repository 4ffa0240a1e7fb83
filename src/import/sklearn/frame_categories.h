#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "import/sklearn/categories.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// The categories of a pandas data frame that LightGBM or XGBoost was trained on. Python takes a
// frame's column apart into codes, positions among these; a value that is none of them is missing.
// Source: LightGBM 4.7, python-package/lightgbm/basic.py (_data_from_pandas).

// pandas_categorical of a booster of LightGBM. nullopt where there are none, and where they are not
// as many as the `columns` that trees split by category, so that nothing tells which are whose.
base::Result<std::optional<std::vector<Categories>>> FrameCategories(const Record& booster,
                                                                     size_t columns);

// The frame as a matrix, with codes in `columns`, which are in ascending order.
base::Result<graph::Value> WithCodes(Scope& scope, const Record& record, const Frame& input,
                                     std::span<const int64_t> columns,
                                     std::span<const Categories> categories);

}  // namespace slipway::import::sklearn

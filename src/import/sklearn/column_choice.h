#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// The names of the columns that an estimator was fitted on: feature_names_in_. Empty when the file
// has none.
base::Result<std::vector<std::string>> ColumnNames(const Record& record);

// The columns that a choice of ColumnTransformer means, out of `width` that are called `names`: a
// name or a position, a list, array or pandas index of these, a mask, or a slice. Slices of names
// include their end, negative positions count from the end. Source: scikit-learn 1.9,
// sklearn/utils/_indexing.py, _get_column_indices().
base::Result<std::vector<int64_t>> ChooseColumns(const Record& record, const pickle::Value& choice,
                                                 std::span<const std::string> names, int64_t width);

}  // namespace slipway::import::sklearn

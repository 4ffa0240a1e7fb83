#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// Which of its columns a SelectFromModel keeps: those whose importance reaches the threshold, and
// of them no more than max_features. Errors: those of ImportancesOf(). Source: scikit-learn 1.9,
// sklearn/feature_selection/_from_model.py.
base::Result<std::vector<bool>> MaskByImportance(Scope& scope, const Record& selector,
                                                 int64_t columns);

}  // namespace slipway::import::sklearn

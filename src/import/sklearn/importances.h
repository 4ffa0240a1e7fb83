#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// Which of its columns a SelectFromModel keeps: files hold its estimator, and neither the
// importances of columns nor the threshold, which are worked out here. kUnimplemented for
// estimators whose importances are not known: those without coef_ that are no trees, nor
// boosters. Source: scikit-learn 1.9, sklearn/feature_selection/_from_model.py,
// sklearn/tree/_tree.pyx (compute_feature_importances).
base::Result<std::vector<bool>> MaskByImportance(Scope& scope, const Record& selector,
                                                 int64_t columns);

}  // namespace slipway::import::sklearn

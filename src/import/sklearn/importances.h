#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// How much each column matters to a fitted estimator, as SelectFromModel asks it: by coef_ or
// feature_importances_. Files hold the estimator and not its importances, which are worked out
// here.
using Importances = std::vector<double>;

// Of `width` columns, as the selector's importance_getter and norm_order say. kUnimplemented for
// estimators whose importances are not known: those without coef_ that are no trees, nor boosters.
// Source: scikit-learn 1.9, sklearn/feature_selection/_base.py (_get_feature_importances),
// sklearn/tree/_tree.pyx (compute_feature_importances).
base::Result<Importances> ImportancesOf(Scope& scope, const Record& selector,
                                        const Record& estimator, size_t width);

// Whether the estimator is a tree booster of XGBoost, whose importances are float32.
bool IsXgboost(const Record& estimator);

}  // namespace slipway::import::sklearn

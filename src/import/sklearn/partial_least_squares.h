#pragma once

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// PLSRegression, PLSCanonical and CCA: a linear model of the targets, and the scores of the
// columns.
base::Result<Answer> ConvertPartialLeastSquares(Scope& scope, const Record& record,
                                                const Frame& input);
// PLSSVD: the scores of the columns.
base::Result<Answer> ConvertPartialLeastSquaresScores(Scope& scope, const Record& record,
                                                      const Frame& input);

}  // namespace slipway::import::sklearn

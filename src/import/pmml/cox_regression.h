#pragma once

#include "base/status.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {

// The answer of a GeneralRegressionModel of modelType CoxRegression: the cumulative hazard at the
// value of endTimeVariable. That is the hazard of the last BaselineCell whose time is not later, of
// the row's stratum where there are strata, times e to the power of `eta`, which is the linear sum
// less that at the reference point. 0 before the first cell, whatever else is missing; missing
// after maxTime and for a stratum that the file does not have; a row fails without time or stratum.
//
// startTimeVariable, statusVariable and subjectIDVariable are of the training and are not asked.
// Cells may come in any order; of two of one time the first counts.
// Source: PMML 4.4, General Regression, "Cox regression model".
base::Result<ModelAnswer> MakeCoxRegression(ModelScope& scope, const Element& model,
                                            const graph::Value& eta);

}  // namespace slipway::import::pmml

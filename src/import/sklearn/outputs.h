#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// Puts out what a model answers: `label` and `probabilities` or `decision`; `prediction`; or
// `output`; of several outputs also `probabilities_N`. An output whose name a column has already is
// called model_NAME. kUnimplemented: noted in scope.problems().
base::Status AddOutputs(Scope& scope, const Record& record, const Answer& answer,
                        std::vector<std::string>& class_names);

}  // namespace slipway::import::sklearn

#pragma once

#include <optional>

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// What each row of x is to each of `rows` by the kernel that an estimator was told to use, [batch,
// rows]: its attributes `kernel`, `degree`, `coef0` and, unless that is None, `gamma`, which else
// is one through the number of columns, but for the chi-squared kernel `gamma_of_chi2`, or refused
// where there is none. `rows` is a matrix with the columns of x. kUnimplemented
// for other kernels, noted at the record's place.
// Source: scikit-learn 1.9, sklearn/metrics/pairwise.py.
base::Result<graph::Value> PairwiseKernel(Scope& scope, const Record& record, const graph::Value& x,
                                          const Reals& rows,
                                          std::optional<double> gamma_of_chi2 = std::nullopt);

}  // namespace slipway::import::sklearn

#pragma once

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// What each row of x is to each of `rows` by the kernel that an estimator was told to use, [batch,
// rows]: its attributes `kernel`, `degree`, `coef0` and, unless that is None, `gamma`, which else
// is one through the number of columns. `rows` is a matrix with the columns of x. kUnimplemented
// for other kernels, noted at the record's place.
// Source: scikit-learn 1.9, sklearn/metrics/pairwise.py.
base::Result<graph::Value> PairwiseKernel(Scope& scope, const Record& record, const graph::Value& x,
                                          const Reals& rows);

}  // namespace slipway::import::sklearn

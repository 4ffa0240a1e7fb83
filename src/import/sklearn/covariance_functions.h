#pragma once

#include "base/status.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// The kernels of Gaussian processes, sklearn.gaussian_process.kernels, which are objects made of
// objects: sums, products and powers of others. kUnimplemented names one that is not supported.

// What each row of x is to each of `rows`, [batch, rows], where none of the two are the same row:
// white noise is zero.
base::Result<graph::Value> Covariance(Scope& scope, const Record& kernel, const graph::Value& x,
                                      const Reals& rows);

// What each row of x is to itself, [batch, 1] or one number for all.
base::Result<graph::Value> Variance(Scope& scope, const Record& kernel, const graph::Value& x);

}  // namespace slipway::import::sklearn

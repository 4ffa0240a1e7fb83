#pragma once

#include "base/status.h"
#include "import/sklearn/frame.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// What the estimators of sklearn.neighbors share: the training data, and how far rows are from it.

// Distances by the metric that was in effect, and what orders as they do and is quicker.
struct Distance {
  graph::Value ordered;
  graph::Value real;
};

// The rows of the training data, `_fit_X`.
base::Result<Reals> TrainingRows(Scope& scope, const Record& record, const Frame& input);

// From each row of x to each of `rows`, [batch, rows].
base::Result<Distance> Distances(Scope& scope, const Record& record, const graph::Value& x,
                                 const Reals& rows);

// The nearest of the training data; of those equally far the first.
struct Nearest {
  graph::Value position;  // int64 [batch, count], nearest first
  Distance distance;      // to all of the training data
};
base::Result<Nearest> FindNearest(Scope& scope, const Record& record, const Frame& input,
                                  int64_t count);

}  // namespace slipway::import::sklearn

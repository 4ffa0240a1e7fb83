#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// For estimators that combine the answers of others.

// Converts every estimator of a list, each on the columns that `features` gives it, or on all.
// kUnimplemented names all that are not supported.
base::Result<std::vector<Answer>> ConvertAll(Scope& scope, const Record& record,
                                             std::string_view attribute, const Frame& input,
                                             std::string_view features = {});

// The sum of the values in their order, divided by their number; by weights where there are some.
graph::Value Average(graph::GraphBuilder& graph, const std::vector<graph::Value>& values,
                     const std::vector<double>& weights = {});

// The codes int64 [batch] as [batch, 1].
graph::Value ColumnOf(graph::GraphBuilder& graph, const graph::Value& code);

// The codes int64 [batch] as [batch, labels] of 0 and 1.
graph::Value Votes(Scope& scope, const graph::Value& code, int64_t labels);

// A label of its own, 0 or 1, for each of `count` columns of scores, [batch, count]: 1 above the
// threshold. Their names are the binarizer's classes_.
base::Result<Several> ManyLabels(Scope& scope, const Record& binarizer, const graph::Value& scores,
                                 int64_t count, double threshold);

}  // namespace slipway::import::sklearn

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// How one field is compared with a number of a center or a training row.
enum class Compares : uint8_t { kAbsDiff, kGaussSim, kDelta, kEqual };

struct Measured {
  const Field* field = nullptr;
  double weight = 1;
  Compares compares = Compares::kAbsDiff;
  double scale = 1;  // of kGaussSim
};

// A ComparisonMeasure of distance: of the differences that its fields compute, a power, a weighted
// sum (or the largest), and a root. Missing values are left out, and the rest weighs the more.
// Source: PMML 4.4, Clustering Models.
struct Metric {
  double power = 2;
  bool roots = false;
  bool is_chebychev = false;
};

// The ComparisonMeasure of a model. kUnimplemented for similarities.
base::Result<Metric> ReadMetric(const Element& measure);

// A ClusteringField or KNNInput, whose field the model uses. Text can only be equal or not.
base::Result<Measured> ReadMeasured(ModelScope& scope, const Element& at, const Element& measure);

// The distances to rows, [batch, rows]: `columns` has one number of each row for each field.
// `missing_weights` are the fields' shares in what is missing, or empty for equal ones. Fails where
// all fields are missing.
graph::Value Distances(ModelScope& scope, const Metric& metric, std::span<const Measured> fields,
                       std::span<const std::vector<double>> columns,
                       std::span<const double> missing_weights);

}  // namespace slipway::import::pmml

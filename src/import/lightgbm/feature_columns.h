#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "graph/graph_builder.h"
#include "import/lightgbm/model.h"

namespace slipway::import::lightgbm {

// The columns that the trees look at: each feature once for every way in which its splits treat
// what is missing, which in files of LightGBM is one way. What LightGBM does to a value on its way
// to a split happens here, before the trees, so that these have NaN for missing and nothing else:
//
//   NaN                  becomes 0 where the split knows no missing values
//   |x| <= 1e-35f        becomes 0, or NaN where zero counts as missing
//
// Thread-compatible. Source: LightGBM, include/LightGBM/tree.h, NumericalDecision(), and
// src/c_api.cpp, which drops such small numbers from dense rows.
class FeatureColumns {
 public:
  explicit FeatureColumns(uint32_t features) : features_(features) {}

  // The column of a numeric split. The features are the caller's to check.
  uint32_t OfSplit(uint32_t feature, Missing missing, double threshold);
  // The column of a split by category: as it is.
  uint32_t OfCategory(uint32_t feature) { return Of(feature, Missing::kNan); }
  // The column of a linear leaf: NaN as it is, near zero as zero.
  uint32_t OfLinear(uint32_t feature);

  uint32_t size() const { return features_ + static_cast<uint32_t>(repeated_.size()); }
  // `x`, [batch, features], as [batch, size()].
  graph::Value Apply(graph::GraphBuilder& graph, const graph::Value& x) const;

 private:
  uint32_t Of(uint32_t feature, Missing missing);

  uint32_t features_;
  std::map<std::pair<uint32_t, Missing>, uint32_t> columns_;
  std::map<uint32_t, Missing> missing_;  // by column
  std::vector<int64_t> repeated_;        // features with a second column
  bool near_zero_matters_ = false;
};

}  // namespace slipway::import::lightgbm

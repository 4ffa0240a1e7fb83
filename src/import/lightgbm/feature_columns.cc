#include "import/lightgbm/feature_columns.h"

#include <algorithm>
#include <cmath>

namespace slipway::import::lightgbm {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

constexpr double kNearZero = 1e-35F;  // kZeroThreshold, a float

}  // namespace

uint32_t FeatureColumns::Of(uint32_t feature, Missing missing) {
  const auto key = std::pair(feature, missing);
  if (const auto found = columns_.find(key); found != columns_.end()) return found->second;
  uint32_t column = feature;
  if (missing_.contains(feature)) {
    column = size();
    repeated_.push_back(feature);
  }
  columns_[key] = column;
  missing_[column] = missing;
  return column;
}

uint32_t FeatureColumns::OfSplit(uint32_t feature, Missing missing, double threshold) {
  // Elsewhere zero and what is near it fall on the same side.
  const bool splits_near_zero = threshold >= -kNearZero && threshold < kNearZero;
  if (splits_near_zero || missing == Missing::kZero) near_zero_matters_ = true;
  return Of(feature, missing);
}

uint32_t FeatureColumns::OfLinear(uint32_t feature) {
  near_zero_matters_ = true;
  return Of(feature, Missing::kNan);
}

Value FeatureColumns::Apply(GraphBuilder& graph, const Value& x) const {
  std::vector<double> nan_becomes(size(), std::nan(""));
  std::vector<double> zero_becomes(size(), 0.0);
  bool nan_matters = false;
  for (const auto& [column, missing] : missing_) {
    if (missing == Missing::kZero) zero_becomes[column] = std::nan("");
    if (missing != Missing::kNone) continue;
    nan_becomes[column] = 0;
    nan_matters = true;
  }
  Value out = x;
  if (!repeated_.empty()) out = graph.Concat({x, graph.Columns(x, repeated_)});
  const auto width = static_cast<int64_t>(size());
  if (nan_matters) {
    const Value fill = graph.Add(graph::DoubleConstant(nan_becomes, {1, width}), "nan_becomes");
    const Value is_nan = graph.Node("IsNaN", {out}, {}, ElementType::kBool);
    out = graph.Node("Where", {is_nan, fill, out}, {}, x.type);
  }
  if (near_zero_matters_) {
    const Value fill = graph.Add(graph::DoubleConstant(zero_becomes, {1, width}), "zero_becomes");
    const Value edge = graph.Scalar(x.type, kNearZero);
    const Value is_zero =
        graph.Node("LessOrEqual", {graph.Node("Abs", {out}), edge}, {}, ElementType::kBool);
    out = graph.Node("Where", {is_zero, fill, out}, {}, x.type);
  }
  return out;
}

}  // namespace slipway::import::lightgbm

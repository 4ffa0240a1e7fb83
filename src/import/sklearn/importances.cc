#include "import/sklearn/importances.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/lightgbm/importances.h"
#include "import/sklearn/pairwise_sum.h"
#include "import/sklearn/stored_booster.h"
#include "import/sklearn/tree_builder.h"
#include "import/xgboost/importances.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;

double Sum(const Importances& values) { return SumOf(std::span(values)); }

void Divide(Importances& values, double by) {
  for (double& value : values) value /= by;
}

// ---- importances by coefficients

// The norm of each column's coefficients.
Result<Importances> OfCoefficients(Scope& scope, const Record& selector, const Record& estimator,
                                   size_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals coefficients, estimator.Numbers("coef_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double order, selector.NumberOr("norm_order", 1));
  const size_t count = coefficients.values.size();
  if (width == 0 || count == 0 || count % width != 0) {
    return estimator.Damaged(StrCat("coef_: expected ", width, " columns"));
  }
  const bool largest = order == std::numeric_limits<double>::infinity();
  if (!largest && order != 1 && order != 2) {
    return scope.Unsupported(selector, StrCat("norm_order ", order, " is not supported"));
  }
  Importances out(width, 0.0);
  for (size_t i = 0; i < count; ++i) {
    const double size = std::abs(coefficients.values[i]);
    double& at = out[i % width];
    at = largest ? std::max(at, size) : at + (order == 2 ? size * size : size);
  }
  if (order == 2) {
    for (double& value : out) value = std::sqrt(value);
  }
  return out;
}

// ---- importances by trees

// How much each column lowers the impurity, in all nodes of a tree.
Result<Importances> OfTree(const Record& estimator, size_t width, bool normalize) {
  SLIPWAY_ASSIGN_OR_RETURN(const TreeArrays tree, ReadTree(estimator));
  if (tree.features != static_cast<int64_t>(width)) {
    return estimator.Damaged(StrCat("a tree of ", tree.features, " columns: expected ", width));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Record record, estimator.Child("tree_"));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array nodes, record.Array("nodes"));
  std::array<Importances, 2> fields;
  constexpr std::array<std::string_view, 2> kFields = {"impurity", "weighted_n_node_samples"};
  for (size_t i = 0; i < kFields.size(); ++i) {
    const auto field = pickle::FieldOf(nodes, kFields[i]);
    if (!field) return record.Damaged(StrCat("nodes: has no field '", kFields[i], "'"));
    auto values = pickle::ToDoubles(*field);
    if (!values.ok()) return record.At("nodes", values.status());
    fields[i] = *std::move(values);
  }
  const auto& [impurity, weight] = fields;
  Importances out(width, 0.0);
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] == -1) continue;
    const auto left = static_cast<size_t>(tree.left[i]);
    const auto right = static_cast<size_t>(tree.right[i]);
    out[static_cast<size_t>(tree.feature[i])] +=
        weight[i] * impurity[i] - weight[left] * impurity[left] - weight[right] * impurity[right];
  }
  Divide(out, weight.front());
  const double sum = Sum(out);
  if (normalize && sum > 0) Divide(out, sum);
  return out;
}

// The mean over all trees that are more than a leaf.
Result<Importances> OfTrees(const Record& ensemble, size_t width, bool normalize) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> values, ensemble.List("estimators_"));
  Importances mean(width, 0.0);
  size_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record tree, Record::From(values[i], ensemble.PlaceOf(StrCat("estimators_[", i, "]")),
                                        ensemble.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(const TreeArrays arrays, ReadTree(tree));
    if (arrays.size() < 2) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Importances one, OfTree(tree, width, normalize));
    for (size_t k = 0; k < width; ++k) mean[k] += one[k];
    ++count;
  }
  if (count == 0) return mean;
  Divide(mean, static_cast<double>(count));
  Divide(mean, Sum(mean));
  return mean;
}

bool IsForest(std::string_view name) {
  constexpr std::array<std::string_view, 4> kForests = {
      "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier",
      "ExtraTreesRegressor"};
  return std::ranges::find(kForests, name) != kForests.end();
}

// ---- importances by boosters

bool IsBooster(const Record& estimator) {
  return IsXgboost(estimator) || estimator.module() == "lightgbm.sklearn";
}

// CatBoost's estimators keep theirs beside the model, unless they learned to rank within groups.
constexpr std::string_view kCatboostImportances = "_prediction_values_change";

bool IsCatboost(const Record& estimator) {
  const bool known =
      estimator.name() == "CatBoostClassifier" || estimator.name() == "CatBoostRegressor";
  return known && estimator.module() == "catboost.core" && estimator.Has(kCatboostImportances) &&
         !estimator.Has("_loss_value_change");
}

Result<Importances> OfCatboost(const Record& estimator, size_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals values, estimator.Numbers(kCatboostImportances));
  if (values.values.size() == width) return std::move(values.values);
  return estimator.Damaged(StrCat(kCatboostImportances, ": expected ", width, " numbers"));
}

// As XGBModel gives them: shares of their sum, in float32.
Result<Importances> OfXgboost(const Record& estimator, const StoredBooster& stored) {
  const std::string type = estimator.TextOr("importance_type", "gain");
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<float> scores,
                           xgboost::ColumnImportances(AsBytes(stored.bytes), type, kBoosterLimits));
  const float sum = SumOf(std::span<const float>(scores));
  for (float& score : scores) score = sum == 0 ? score : score / sum;
  return Importances(scores.begin(), scores.end());
}

// kUnimplemented without a place for what the importers of boosters do not support.
Result<Importances> OfBooster(const Record& estimator, size_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const StoredBooster stored, FindStored(estimator));
  SLIPWAY_ASSIGN_OR_RETURN(Importances out,
                           IsXgboost(estimator)
                               ? OfXgboost(estimator, stored)
                               : lightgbm::ColumnImportances(
                                     stored.bytes, estimator.TextOr("importance_type", "split")));
  if (out.size() == width) return out;
  return estimator.Damaged(StrCat("a booster of ", out.size(), " columns: expected ", width));
}

}  // namespace

bool IsXgboost(const Record& estimator) {
  return estimator.module() == "xgboost.sklearn" && !estimator.Is("booster", "gblinear");
}

Result<Importances> ImportancesOf(Scope& scope, const Record& selector, const Record& estimator,
                                  size_t width) {
  const std::string getter = selector.TextOr("importance_getter", "auto");
  const bool automatic = getter == "auto";
  if ((automatic || getter == "coef_") && estimator.Has("coef_")) {
    return OfCoefficients(scope, selector, estimator, width);
  }
  if (automatic || getter == "feature_importances_") {
    if (estimator.Has("tree_")) return OfTree(estimator, width, true);
    if (IsForest(estimator.name())) return OfTrees(estimator, width, true);
    if (estimator.name().starts_with("GradientBoosting")) return OfTrees(estimator, width, false);
    if (IsCatboost(estimator)) return OfCatboost(estimator, width);
    if (IsBooster(estimator)) {
      auto importances = OfBooster(estimator, width);
      if (importances.status().code() != base::StatusCode::kUnimplemented) return importances;
      return scope.Unsupported(estimator, importances.status().message());
    }
  }
  return scope.Unsupported(
      selector, StrCat("the importances of columns by ", base::Printable(estimator.name()),
                       " (importance_getter '", base::Printable(getter), "') are not supported"));
}

}  // namespace slipway::import::sklearn

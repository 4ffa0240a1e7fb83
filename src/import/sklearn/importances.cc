#include "import/sklearn/importances.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/lightgbm/importances.h"
#include "import/sklearn/stored_booster.h"
#include "import/sklearn/tree_builder.h"
#include "import/xgboost/importances.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using Importances = std::vector<double>;

// NumPy's sum, whose order decides whether equal importances are as large as their mean. Source:
// NumPy 2, numpy/_core/src/umath/loops_utils.h.src (pairwise_sum).
template <typename T>
T SumOf(std::span<const T> values) {
  constexpr size_t kLanes = 8;
  constexpr size_t kBlock = 128;
  const size_t count = values.size();
  if (count > kBlock) {
    const size_t half = count / 2 / kLanes * kLanes;
    return SumOf(values.first(half)) + SumOf(values.subspan(half));
  }
  size_t next = 0;
  T sum = 0;
  if (count >= kLanes) {
    std::array<T, kLanes> lanes = {};
    for (; next + kLanes <= count; next += kLanes) {
      for (size_t i = 0; i < kLanes; ++i) lanes[i] += values[next + i];
    }
    sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
          ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; next < count; ++next) sum += values[next];
  return sum;
}

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

bool IsXgboost(const Record& estimator) {
  return estimator.module() == "xgboost.sklearn" && !estimator.Is("booster", "gblinear");
}

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

// ---- the threshold

// The importances as NumPy compares them with a threshold: of XGBoost in float32, to which that is
// rounded, too.
template <typename T>
class Threshold {
 public:
  explicit Threshold(const Importances& importances)
      : values_(importances.begin(), importances.end()) {}

  T Mean() const { return SumOf(std::span<const T>(values_)) / static_cast<T>(values_.size()); }
  T Median() const {
    std::vector<T> sorted = values_;
    std::ranges::sort(sorted);
    const size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  // "mean", "median", "1.25*mean"
  std::optional<T> Named(std::string_view text) const {
    double scale = 1;
    if (const size_t star = text.find('*'); star != std::string_view::npos) {
      const std::string_view number = base::TrimWhitespace(text.substr(0, star));
      const auto [end, error] =
          std::from_chars(number.data(), number.data() + number.size(), scale);
      if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
      text = base::TrimWhitespace(text.substr(star + 1));
    }
    if (text == "median") return static_cast<T>(scale) * Median();
    if (text != "mean") return std::nullopt;
    return static_cast<T>(scale) * Mean();
  }

 private:
  std::vector<T> values_;
};

// Whether the estimator was trained to leave columns out, so that any importance above zero counts.
Result<bool> IsSparse(const Record& estimator) {
  const std::string_view name = estimator.name();
  if (estimator.Is("penalty", "l1") || name.find("Lasso") != std::string_view::npos) return true;
  const bool single = name == "ElasticNet" || name == "LogisticRegression";
  const bool searched = name == "ElasticNetCV" || name == "LogisticRegressionCV";
  if (!single && !searched) return false;
  const std::string_view attribute = single ? "l1_ratio" : "l1_ratio_";
  if (!estimator.Has(attribute)) return false;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals ratios, estimator.Numbers(attribute));
  return std::ranges::all_of(ratios.values,
                             [](double ratio) { return std::abs(ratio - 1) <= 1e-8 + 1e-5; });
}

template <typename T>
Result<double> ThresholdIn(const Record& selector, const Record& estimator,
                           const Importances& importances) {
  const Threshold<T> threshold(importances);
  if (!selector.Has("threshold")) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool sparse, IsSparse(estimator));
    return sparse ? static_cast<T>(1e-5) : threshold.Mean();
  }
  const std::string text = selector.TextOr("threshold", "");
  if (text.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(const double number, selector.Number("threshold"));
    return static_cast<T>(number);
  }
  if (const auto named = threshold.Named(text)) return *named;
  return selector.Damaged(StrCat("threshold: '", base::Printable(text), "'"));
}

Result<double> ThresholdOf(const Record& selector, const Record& estimator,
                           const Importances& importances) {
  return IsXgboost(estimator) ? ThresholdIn<float>(selector, estimator, importances)
                              : ThresholdIn<double>(selector, estimator, importances);
}

}  // namespace

Result<std::vector<bool>> MaskByImportance(Scope& scope, const Record& selector, int64_t columns) {
  const std::string_view attribute = selector.Has("estimator_") ? "estimator_" : "estimator";
  SLIPWAY_ASSIGN_OR_RETURN(const Record estimator, selector.Child(attribute));
  const auto width = static_cast<size_t>(columns);
  SLIPWAY_ASSIGN_OR_RETURN(const Importances importances,
                           ImportancesOf(scope, selector, estimator, width));
  SLIPWAY_ASSIGN_OR_RETURN(const double threshold, ThresholdOf(selector, estimator, importances));
  std::vector<bool> mask(width, true);
  if (selector.Has("max_features")) {
    const bool fitted = selector.Has("max_features_");
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t most,
                             selector.Integer(fitted ? "max_features_" : "max_features"));
    std::vector<size_t> order(width);
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [&](size_t i) { return importances[i]; });
    for (size_t i = static_cast<size_t>(std::max<int64_t>(most, 0)); i < width; ++i) {
      mask[order[i]] = false;
    }
  }
  for (size_t i = 0; i < width; ++i) {
    if (importances[i] < threshold) mask[i] = false;
  }
  return mask;
}

}  // namespace slipway::import::sklearn

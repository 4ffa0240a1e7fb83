#include "import/sklearn/importances.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/tree_builder.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using Importances = std::vector<double>;

double Sum(const Importances& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

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
  }
  return scope.Unsupported(
      selector, StrCat("the importances of columns by ", base::Printable(estimator.name()),
                       " (importance_getter '", base::Printable(getter), "') are not supported"));
}

// ---- the threshold

double Median(Importances values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// "mean", "median", "1.25*mean"
std::optional<double> NamedThreshold(std::string_view text, const Importances& importances) {
  double scale = 1;
  if (const size_t star = text.find('*'); star != std::string_view::npos) {
    const std::string_view number = base::TrimWhitespace(text.substr(0, star));
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), scale);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    text = base::TrimWhitespace(text.substr(star + 1));
  }
  if (text == "median") return scale * Median(importances);
  if (text != "mean") return std::nullopt;
  return scale * (Sum(importances) / static_cast<double>(importances.size()));
}

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

Result<double> ThresholdOf(const Record& selector, const Record& estimator,
                           const Importances& importances) {
  if (!selector.Has("threshold")) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool sparse, IsSparse(estimator));
    return sparse ? 1e-5 : Sum(importances) / static_cast<double>(importances.size());
  }
  const std::string text = selector.TextOr("threshold", "");
  if (text.empty()) return selector.Number("threshold");
  const auto threshold = NamedThreshold(text, importances);
  if (threshold) return *threshold;
  return selector.Damaged(StrCat("threshold: '", base::Printable(text), "'"));
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

#include "import/sklearn/select_from_model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/importances.h"
#include "import/sklearn/pairwise_sum.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;

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

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/select_from_model.h"

// Transformers that keep some of the columns. Source: scikit-learn 1.9,
// sklearn/feature_selection/_variance_threshold.py, _univariate_selection.py, _rfe.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;

Result<Answer> Keep(Scope& scope, const Record& record, const Frame& input,
                    const std::vector<bool>& mask) {
  if (static_cast<int64_t>(mask.size()) != input.width()) {
    return record.Damaged(
        StrCat("chooses among ", mask.size(), " columns, but gets ", input.width()));
  }
  std::vector<int64_t> kept;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i]) kept.push_back(static_cast<int64_t>(i));
  }
  SLIPWAY_ASSIGN_OR_RETURN(Frame output, scope.Select(record, input, kept));
  return Answer::Output(std::move(output));
}

Result<Answer> ConvertVarianceThreshold(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals variances, record.Numbers("variances_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double threshold, record.NumberOr("threshold", 0));
  std::vector<bool> mask;
  mask.reserve(variances.values.size());
  for (const double variance : variances.values) mask.push_back(variance > threshold);
  return Keep(scope, record, input, mask);
}

// Scores that are no numbers come last.
std::vector<double> Cleaned(std::vector<double> scores) {
  for (double& score : scores) {
    if (std::isnan(score)) score = std::numeric_limits<double>::lowest();
  }
  return scores;
}

std::vector<bool> Best(const std::vector<double>& scores, size_t count) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return scores[i]; });
  std::vector<bool> mask(scores.size(), false);
  for (size_t i = 0; i < std::min(count, order.size()); ++i)
    mask[order[order.size() - 1 - i]] = true;
  return mask;
}

Result<std::vector<bool>> BestOf(const Record& record, std::string_view parameter) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals scores, record.Numbers("scores_"));
  const std::vector<double> cleaned = Cleaned(std::move(scores.values));
  if (record.Is(parameter, "all")) return std::vector<bool>(cleaned.size(), true);
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t k, record.Integer(parameter));
  return Best(cleaned, static_cast<size_t>(std::max<int64_t>(k, 0)));
}

// NumPy's percentile with linear interpolation.
double Percentile(std::vector<double> values, double percent) {
  std::ranges::sort(values);
  const double at = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  const double share = at - static_cast<double>(below);
  const double step = values[above] - values[below];
  return share >= 0.5 ? values[above] - step * (1 - share) : values[below] + step * share;
}

Result<std::vector<bool>> PercentileOf(const Record& record, std::string_view parameter) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals reals, record.Numbers("scores_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double percent, record.Number(parameter));
  const std::vector<double> scores = Cleaned(std::move(reals.values));
  if (scores.empty() || !(percent >= 0 && percent <= 100)) return record.Damaged("percentile");
  if (percent == 100) return std::vector<bool>(scores.size(), true);
  if (percent == 0) return std::vector<bool>(scores.size(), false);
  const double threshold = Percentile(scores, 100 - percent);
  std::vector<bool> mask;
  size_t kept = 0;
  for (const double score : scores) {
    mask.push_back(score > threshold);
    kept += score > threshold ? 1 : 0;
  }
  // Ties with the threshold fill up, from the front.
  const auto wanted = static_cast<size_t>(static_cast<double>(scores.size()) * percent / 100);
  for (size_t i = 0; i < scores.size() && kept < wanted; ++i) {
    if (scores[i] != threshold) continue;
    mask[i] = true;
    ++kept;
  }
  return mask;
}

Result<std::vector<bool>> BelowAlpha(const Record& record, std::string_view parameter,
                                     bool divided) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals p_values, record.Numbers("pvalues_"));
  SLIPWAY_ASSIGN_OR_RETURN(double alpha, record.Number(parameter));
  if (divided) alpha /= static_cast<double>(p_values.values.size());
  std::vector<bool> mask;
  mask.reserve(p_values.values.size());
  for (const double p : p_values.values) mask.push_back(p < alpha);
  return mask;
}

// Benjamini and Hochberg's procedure.
Result<std::vector<bool>> FalseDiscovery(const Record& record, std::string_view parameter) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals p_values, record.Numbers("pvalues_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double alpha, record.Number(parameter));
  std::vector<double> sorted = p_values.values;
  std::ranges::sort(sorted);
  const auto count = static_cast<double>(sorted.size());
  double largest = -1;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] <= alpha / count * static_cast<double>(i + 1)) largest = sorted[i];
  }
  std::vector<bool> mask;
  mask.reserve(p_values.values.size());
  for (const double p : p_values.values) mask.push_back(p <= largest);
  return mask;
}

Result<std::vector<bool>> MaskByMode(const Record& record, std::string_view mode,
                                     std::string_view parameter) {
  if (mode == "k_best") return BestOf(record, parameter);
  if (mode == "percentile") return PercentileOf(record, parameter);
  if (mode == "fdr") return FalseDiscovery(record, parameter);
  return BelowAlpha(record, parameter, mode == "fwe");
}

Result<Answer> ConvertUnivariate(Scope& scope, const Record& record, const Frame& input) {
  struct Kind {
    std::string_view name;
    std::string_view mode;
    std::string_view parameter;
  };
  constexpr Kind kKinds[] = {{"SelectKBest", "k_best", "k"},
                             {"SelectPercentile", "percentile", "percentile"},
                             {"SelectFpr", "fpr", "alpha"},
                             {"SelectFdr", "fdr", "alpha"},
                             {"SelectFwe", "fwe", "alpha"}};
  std::string mode = record.TextOr("mode", "percentile");  // GenericUnivariateSelect
  std::string_view parameter = "param";
  for (const Kind& kind : kKinds) {
    if (record.name() != kind.name) continue;
    mode = kind.mode;
    parameter = kind.parameter;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<bool> mask, MaskByMode(record, mode, parameter));
  return Keep(scope, record, input, mask);
}

Result<Answer> ConvertSupport(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> support, record.Integers("support_"));
  std::vector<bool> mask;
  mask.reserve(support.size());
  for (const int64_t one : support) mask.push_back(one != 0);
  return Keep(scope, record, input, mask);
}

Result<Answer> ConvertSelectFromModel(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<bool> mask,
                           MaskByImportance(scope, record, input.width()));
  return Keep(scope, record, input, mask);
}

constexpr std::string_view kSelection = "sklearn.feature_selection";

constexpr Estimator kEstimators[] = {
    {kSelection, "VarianceThreshold", ConvertVarianceThreshold},
    {kSelection, "SelectKBest", ConvertUnivariate},
    {kSelection, "SelectPercentile", ConvertUnivariate},
    {kSelection, "SelectFpr", ConvertUnivariate},
    {kSelection, "SelectFdr", ConvertUnivariate},
    {kSelection, "SelectFwe", ConvertUnivariate},
    {kSelection, "GenericUnivariateSelect", ConvertUnivariate},
    {kSelection, "SequentialFeatureSelector", ConvertSupport},
    {kSelection, "RFE", ConvertSupport},
    {kSelection, "RFECV", ConvertSupport},
    {kSelection, "SelectFromModel", ConvertSelectFromModel},
};

}  // namespace

std::span<const Estimator> SelectorEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn

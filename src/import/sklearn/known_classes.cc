#include "import/sklearn/known_classes.h"

#include <algorithm>
#include <array>

#include "import/sklearn/boosters.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {
namespace {

// Modules whose classes and functions matter for training only, or are parts that the estimators
// read themselves.
constexpr std::string_view kPartModules[] = {
    "sklearn._loss._loss",
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.calibration",
    "sklearn.compose._column_transformer",
    "sklearn.dummy",
    "sklearn.ensemble._gb_losses",
    "sklearn.ensemble._hist_gradient_boosting.binning",
    "sklearn.ensemble._hist_gradient_boosting.loss",
    "sklearn.ensemble._hist_gradient_boosting.predictor",
    "sklearn.feature_selection._mutual_info",
    "sklearn.feature_selection._univariate_selection",
    "sklearn.gaussian_process.kernels",
    "sklearn.linear_model._glm.link",
    "sklearn.linear_model._sgd_fast",
    "sklearn._loss.glm_distribution",
    "sklearn.impute._iterative",
    "sklearn.metrics._classification",
    "sklearn.metrics._dist_metrics",
    "sklearn.metrics._ranking",
    "sklearn.metrics._regression",
    "sklearn.metrics._scorer",
    "sklearn.model_selection._search_successive_halving",
    "sklearn.model_selection._split",
    "sklearn.neighbors._ball_tree",
    "sklearn.neighbors._dist_metrics",
    "sklearn.neighbors._kd_tree",
    "sklearn.neural_network._stochastic_optimizers",
    "sklearn.preprocessing._label",
    "sklearn.tree._tree",
    "sklearn.utils",
    "sklearn.utils._bunch",
    "sklearn.utils._metadata_requests",
};

constexpr std::string_view kTextTakers[] = {
    "OneHotEncoder",   "OrdinalEncoder",    "TargetEncoder",  "SimpleImputer",  "CountVectorizer",
    "TfidfVectorizer", "HashingVectorizer", "DictVectorizer", "LabelBinarizer", "MissingIndicator"};

// A function with arguments: the function is named, and checked, on its own.
bool IsPartial(std::string_view module, std::string_view name) {
  return module == "functools" && name == "partial";
}

// Parts of SplineTransformer: the splines, and a function that makes arrays.
bool IsSplinePart(std::string_view module, std::string_view name) {
  return (module == "scipy.interpolate._bsplines" && name == "BSpline") ||
         (module == "scipy._lib.array_api_compat.numpy._aliases" && name == "asarray");
}

// The part of KernelPCA that lies among the scalers.
bool IsCenterer(std::string_view module, std::string_view name) {
  return module == "sklearn.preprocessing._data" && name == "KernelCenterer";
}

// What HistGradientBoosting passes numbers through.
bool IsCheck(std::string_view module, std::string_view name) {
  return module == "sklearn.utils.validation" && name == "check_array";
}

}  // namespace

bool MayBeNamed(std::string_view module, std::string_view name) {
  if (module.starts_with("sklearn.") || IsBoosterModule(module))
    return name.find('.') == std::string_view::npos;
  return IsKnownFunction(module, name) || IsPoolingFunction(module, name) ||
         IsPartial(module, name) || IsSplinePart(module, name);
}

bool IsKnownClass(std::string_view module, std::string_view name) {
  return FindEstimator(module, name) != nullptr || IsKnownFunction(module, name) ||
         IsPoolingFunction(module, name) || IsPartial(module, name) || IsCheck(module, name) ||
         IsSplinePart(module, name) || IsCenterer(module, name) || IsBoosterModule(module) ||
         std::ranges::find(kPartModules, module) != std::end(kPartModules);
}

bool TakesText(std::string_view module, std::string_view name) {
  if (IsBoosterModule(module)) return true;
  return module.starts_with("sklearn.") &&
         std::ranges::find(kTextTakers, name) != std::end(kTextTakers);
}

}  // namespace slipway::import::sklearn

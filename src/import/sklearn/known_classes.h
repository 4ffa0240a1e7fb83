#pragma once

#include <string_view>

namespace slipway::import::sklearn {

// The allow-list beside plain data (import/pickle/policy.h).

// Whether a file may name it without being refused: everything that calls itself scikit-learn's,
// XGBoost's, LightGBM's or CatBoost's, and functions that FunctionTransformer may hold. It is data
// to us and is never looked up; what of it is no class that we know is named in an error of its own
// (IsKnownClass()).
bool MayBeNamed(std::string_view module, std::string_view name);

// Whether it is an estimator that is supported, a part of one, or something that says how a model
// was trained and plays no part in what it answers: losses, scorers, splitters, and callbacks of
// boosters, whose estimators are known by name when they are converted.
bool IsKnownClass(std::string_view module, std::string_view name);

// Whether it is an estimator that can take columns of texts.
bool TakesText(std::string_view module, std::string_view name);

}  // namespace slipway::import::sklearn

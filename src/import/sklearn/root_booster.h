#pragma once

#include <optional>
#include <string_view>

#include "import/importer.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// A file that holds a model of XGBoost, LightGBM or CatBoost and nothing around it, as the model's
// own file would be imported: the same graph, inputs and outputs, with the labels of the pickle
// where it has some, so that whatever runs the one runs the other. nullopt for anything else, and
// where the wrapper does more than the booster: numbers that count as missing, columns of a data
// frame with categories, labels that are no integers or texts; and where it cannot be imported,
// which the conversion of estimators then says with its place.
std::optional<ImportedModel> ImportRootBooster(const Record& record, const ImportOptions& options);

// "XGBoost", "LightGBM", "CatBoost", or else "scikit-learn": what to call the framework of a class.
std::string_view FrameworkOf(std::string_view module);

}  // namespace slipway::import::sklearn

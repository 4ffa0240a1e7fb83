#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/importer.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// The columns of a model of XGBoost, LightGBM or CatBoost, which its bytes tell; nullopt for
// records of other libraries. Errors as their importers'.
base::Result<std::optional<std::vector<ImportedColumn>>> BoosterColumns(const Record& record);

// Whether a module belongs to one of these libraries.
bool IsBoosterModule(std::string_view module);

}  // namespace slipway::import::sklearn

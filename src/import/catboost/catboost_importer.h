#pragma once

#include "import/importer.h"

namespace slipway::import::catboost {

// CatBoost's model files: .cbm and JSON (1.0 and later). See README.md for what is read, and what
// the numbers are held to.
const Importer& CatboostImporter();

}  // namespace slipway::import::catboost

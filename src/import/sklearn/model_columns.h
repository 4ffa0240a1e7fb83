#pragma once

#include <vector>

#include "base/status.h"
#include "import/importer.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// The columns that the model was fitted on, with their names where the file has them. Looks into
// the estimators that a composition holds, because compositions do not keep this themselves.
// kInvalidArgument when nothing tells how many there are.
base::Result<std::vector<ImportedColumn>> FindColumns(const pickle::Value& model, Budget& budget);

}  // namespace slipway::import::sklearn

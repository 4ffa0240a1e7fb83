#pragma once

#include <string_view>

#include "base/status.h"
#include "import/document.h"
#include "import/importer.h"
#include "import/pickle/document.h"
#include "import/skops/archive.h"

namespace slipway::import::skops {

// The value that schema.json describes, with the arrays of the archive. Errors as ReadDocument().
base::Result<pickle::Value> ReadSchema(std::string_view schema, const Archive& archive,
                                       const ImportLimits& limits, pickle::Document& document);

}  // namespace slipway::import::skops

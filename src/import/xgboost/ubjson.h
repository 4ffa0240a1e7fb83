#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "import/document.h"

namespace slipway::import::xgboost {

// Reads Universal Binary JSON as XGBoost writes it: numbers big-endian, counted and typed arrays
// ("[$d#L" and the like), names of members without a type marker. Errors name the byte:
// kInvalidArgument, and kResourceExhausted for `limits`: max_depth, max_values. Counts are held
// against the bytes that are left before anything is allocated.
// Sources: ubjson.org, draft 12; XGBoost, src/common/json.cc.
base::Result<Document> ReadUbjson(std::span<const std::byte> file, const ImportLimits& limits);

}  // namespace slipway::import::xgboost

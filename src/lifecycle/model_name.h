#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace slipway::lifecycle {

// kInvalidArgument unless `name` may name a model: a letter or digit, then up to 127 letters,
// digits,
// '.', '_' or '-', without "..". Nothing that passes can leave a directory it is appended to.
base::Status CheckModelName(std::string_view name);

// The version that a directory of this name holds: decimal digits without sign or leading zero, at
// most 2^63 - 1. kInvalidArgument says what is wrong with another name.
base::Result<int64_t> ParseVersionName(std::string_view name);

}  // namespace slipway::lifecycle

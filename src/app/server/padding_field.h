#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/config.h"

namespace slipway::app {

// A field whose value is a map from the names of inputs to whole numbers: {input_ids: 0}. Bound to
// `target`, which must outlive it.
base::ConfigField Padding(std::string_view path, std::string_view comment,
                          std::map<std::string, int64_t>& target);

}  // namespace slipway::app

#pragma once

#include <string>
#include <string_view>

#include "lifecycle/model.h"

namespace slipway::app {

// A curl line that a person can paste: an infer request with made-up values that fit the model.
// `server` is what curl needs to reach us: options, and a URL without a path. Percent-encodes the
// name.
std::string CurlExample(std::string_view server, const lifecycle::LoadedModel& model);

}  // namespace slipway::app

#pragma once

#include <string>
#include <string_view>

#include "lifecycle/model.h"

namespace slipway::app {

// A curl line that a person can paste: an infer request with made-up values that fit the model.
// `address` is a listen address. Percent-encodes the name.
std::string CurlExample(std::string_view address, const lifecycle::LoadedModel& model);

}  // namespace slipway::app

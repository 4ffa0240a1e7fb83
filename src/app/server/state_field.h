#pragma once

#include <string_view>
#include <vector>

#include "base/config.h"
#include "engine/engine.h"

namespace slipway::app {

// A field such as those of config_fields.h, which says what the state of a model is:
//
//   [{input: h_in, output: h_out}, {input: c_in, output: c_out, shape: [1, 1, 64]}]
base::ConfigField States(std::string_view path, std::string_view comment,
                         std::vector<engine::StateOption>& target);

}  // namespace slipway::app

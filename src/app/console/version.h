#pragma once

#include <string_view>

namespace slipway::app {

// The version of this program, from the build.
std::string_view SlipwayVersion();

}  // namespace slipway::app

#include "app/console/version.h"

namespace slipway::app {

std::string_view SlipwayVersion() { return SLIPWAY_VERSION; }

}  // namespace slipway::app

#pragma once

#include <memory>

#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::app {

// The engine factory of this build, which takes foreign models too. Both arguments must outlive it
// and every engine it makes.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeEngineFactory(const base::FileSystem& fs,
                                                                       base::Logger& log);

}  // namespace slipway::app

#pragma once

#include <memory>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::app {

// The engine factory of this build, which takes foreign models too. Both arguments must outlive it
// and every engine it makes.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeEngineFactory(const base::FileSystem& fs,
                                                                       base::Logger& log);

// The same for a server: models whose options say so run in worker processes. `clock` must outlive
// it as well.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeServingFactory(const base::FileSystem& fs,
                                                                        base::Clock& clock,
                                                                        base::Logger& log);

}  // namespace slipway::app

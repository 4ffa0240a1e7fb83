#pragma once

#include <memory>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::app {

// The engines of this build, for ONNX models. Both arguments must outlive the factory and every
// engine it makes. A worker process runs one of these.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeOnnxEngineFactory(
    const base::FileSystem& fs, base::Logger& log);

// The same, which takes foreign models too.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeEngineFactory(const base::FileSystem& fs,
                                                                       base::Logger& log);

// The same for a server: models whose options say so run in worker processes, which get the ONNX
// that the server imported, and those with states get and give them in each run, in whichever
// process. `clock` must outlive it as well.
base::Result<std::unique_ptr<engine::EngineFactory>> MakeServingFactory(const base::FileSystem& fs,
                                                                        base::Clock& clock,
                                                                        base::Logger& log);

}  // namespace slipway::app

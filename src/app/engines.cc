#include "app/engines.h"

#include <utility>

#include "app/importing_factory.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"

namespace slipway::app {

base::Result<std::unique_ptr<engine::EngineFactory>> MakeEngineFactory(const base::FileSystem& fs,
                                                                       base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(auto factory, engine::OnnxRuntimeFactory::Create(fs, log));
  return std::unique_ptr<engine::EngineFactory>(
      std::make_unique<ImportingFactory>(fs, std::move(factory)));
}

}  // namespace slipway::app

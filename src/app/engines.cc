#include "app/engines.h"

#include <utility>
#include <vector>

#include "app/importing_factory.h"
#include "app/worker_command.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/process/process_factory.h"
#include "engine/selecting_factory.h"
#include "engine/trees/tree_engine_factory.h"

namespace slipway::app {

base::Result<std::unique_ptr<engine::EngineFactory>> MakeEngineFactory(const base::FileSystem& fs,
                                                                       base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(auto factory, engine::OnnxRuntimeFactory::Create(fs, log));
  std::vector<std::unique_ptr<engine::EngineFactory>> factories;
  factories.push_back(std::make_unique<engine::TreeEngineFactory>(fs));
  factories.push_back(std::move(factory));
  return std::unique_ptr<engine::EngineFactory>(std::make_unique<ImportingFactory>(
      fs, std::make_unique<engine::SelectingFactory>(std::move(factories))));
}

base::Result<std::unique_ptr<engine::EngineFactory>> MakeServingFactory(const base::FileSystem& fs,
                                                                        base::Clock& clock,
                                                                        base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(auto factory, MakeEngineFactory(fs, log));
  return std::unique_ptr<engine::EngineFactory>(std::make_unique<engine::ProcessFactory>(
      std::move(factory), LaunchWorkerCommand, clock, log));
}

}  // namespace slipway::app

#include "app/engines/engines.h"

#include <utility>
#include <vector>

#include "app/engines/importing_factory.h"
#include "app/engines/worker_launch.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/process/process_factory.h"
#include "engine/selecting_factory.h"
#include "engine/stateful_engine.h"
#include "engine/trees/tree_engine_factory.h"

namespace slipway::app {

using base::Result;
using Factory = std::unique_ptr<engine::EngineFactory>;

Result<Factory> MakeOnnxEngineFactory(const base::FileSystem& fs, base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(auto onnx_runtime, engine::OnnxRuntimeFactory::Create(fs, log));
  std::vector<Factory> factories;
  factories.push_back(std::make_unique<engine::TreeEngineFactory>(fs));
  factories.push_back(std::move(onnx_runtime));
  return Factory(std::make_unique<engine::SelectingFactory>(std::move(factories)));
}

Result<Factory> MakeEngineFactory(const base::FileSystem& fs, base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(Factory onnx, MakeOnnxEngineFactory(fs, log));
  return Factory(std::make_unique<ImportingFactory>(fs, std::move(onnx)));
}

Result<Factory> MakeServingFactory(const base::FileSystem& fs, base::Clock& clock,
                                   base::Logger& log) {
  SLIPWAY_ASSIGN_OR_RETURN(Factory onnx, MakeOnnxEngineFactory(fs, log));
  auto process =
      std::make_unique<engine::ProcessFactory>(std::move(onnx), LaunchWorker, clock, log);
  return Factory(std::make_unique<engine::StatefulFactory>(
      std::make_unique<ImportingFactory>(fs, std::move(process))));
}

}  // namespace slipway::app

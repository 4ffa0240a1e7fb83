#include "engine/process/process_factory.h"

#include <utility>

#include "engine/process/process_engine.h"

namespace slipway::engine {

base::Result<std::unique_ptr<Engine>> ProcessFactory::Load(const ModelFiles& files,
                                                           const EngineOptions& options) const {
  if (!options.own_process) return inner_->Load(files, options);
  ProcessEngine::Source source{
      .files = files,
      .options = options,
      .process = {.lanes = options.process_lanes, .max_data_bytes = options.process_memory}};
  SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<WorkerProcess> worker,
                           WorkerProcess::Start(launch_, source.process, files, options));
  return std::unique_ptr<Engine>(
      std::make_unique<ProcessEngine>(std::move(source), launch_, clock_, log_, std::move(worker)));
}

}  // namespace slipway::engine

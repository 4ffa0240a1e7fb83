#include "app/worker_command.h"

#include <malloc.h>

#include <csignal>
#include <fstream>
#include <utility>

#include "app/engines/engines.h"
#include "app/engines/worker_launch.h"
#include "base/log.h"
#include "engine/process/worker.h"

namespace slipway::app {

void WorkerCommand::Configure(CLI::App& app) {
  app.add_option("--lanes", lanes_, "Requests at a time")->required()->check(CLI::Range(1, 1024));
}

base::Status WorkerCommand::Run() {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::ofstream("/proc/self/oom_score_adj") << "1000";
  mallopt(M_ARENA_MAX, 1);  // as in the server: see ServeCommand
  SLIPWAY_ASSIGN_OR_RETURN(engine::WorkerEnds ends, AdoptWorkerEnds(lanes_));
  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeOnnxEngineFactory(context_.fs, *log));
  return engine::RunWorker(std::move(ends), *factory);
}

}  // namespace slipway::app

#pragma once

#include "app/command.h"
#include "engine/process/worker_process.h"

namespace slipway::app {

// slipway worker --lanes N: the worker process of a model. A server starts it; people do not.
//
// Descriptor 3 is the control channel; 4, 5 and 6 are socket, inputs and outputs of the first lane,
// and so on. It ends with the server, whatever signal a terminal sends to both, and offers itself
// first to a kernel that is out of memory.
class WorkerCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  int lanes_ = 0;
};

// Starts this program again as a worker.
base::Result<pid_t> LaunchWorkerCommand(const engine::WorkerEnds& ends);

}  // namespace slipway::app

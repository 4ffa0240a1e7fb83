#pragma once

#include "app/command.h"

namespace slipway::app {

// slipway worker --lanes N: the worker process of a model. A server starts it (LaunchWorker());
// people do not.
//
// It ends with the server, whatever signal a terminal sends to both, and offers itself first to a
// kernel that is out of memory.
class WorkerCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  int lanes_ = 0;
};

}  // namespace slipway::app

#pragma once

#include "app/command.h"

namespace slipway::app {

// slipway version: what is built in, for people and for bug reports.
class VersionCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  bool json_ = false;
};

}  // namespace slipway::app

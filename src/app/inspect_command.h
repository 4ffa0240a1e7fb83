#pragma once

#include <string>

#include "app/command.h"

namespace slipway::app {

// slipway inspect MODEL: what a model file holds, what it will cost, and whether this build runs
// it.
//
// A model that the engine refuses has been inspected all the same: exit status 0, and the report
// says why. A file that is no ONNX is an error.
class InspectCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  std::string path_;
  bool no_load_ = false;
  bool json_ = false;
};

}  // namespace slipway::app

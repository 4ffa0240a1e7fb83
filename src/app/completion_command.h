#pragma once

#include <string>

#include "app/command.h"

namespace slipway::app {

// slipway completion bash|zsh|fish: a script that completes our command line in that shell. Made
// from the options that the commands declare, so that it knows them all.
class CompletionCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  std::string shell_;
  const CLI::App* app_ = nullptr;  // of this command; owned by main
};

}  // namespace slipway::app

#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "app/console/command_context.h"
#include "base/status.h"

namespace slipway::app {

// One command of the command line. Configure() declares its options, with members as their targets;
// Run() follows if the user chose it. What Run() returns becomes the exit code (base::ExitCode),
// and its message goes to `err` behind "slipway COMMAND: ".
class Command {
 public:
  explicit Command(const CommandContext& context) : context_(context) {}
  virtual ~Command() = default;
  virtual void Configure(CLI::App& app) = 0;
  virtual base::Status Run() = 0;

 protected:
  const CommandContext context_;
};

// A command's name, what it does in a line, and an example for --help.
struct CommandEntry {
  const char* name;
  const char* summary;
  const char* example;
  std::function<std::unique_ptr<Command>(const CommandContext&)> make;
  bool hidden = false;  // for the program itself: --help does not list it
};

// Every command, in the order in which --help lists them.
std::vector<CommandEntry> AllCommands();

}  // namespace slipway::app

#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

// "did you mean" for a command that does not exist; CLI11 says only that something was unexpected.
std::string UnknownCommand(const std::string& word) {
  const std::vector<CommandEntry> commands = AllCommands();
  std::vector<std::string_view> names;
  names.reserve(commands.size());
  for (const CommandEntry& command : commands) names.emplace_back(command.name);
  const std::string_view near = base::NearestName(word, names);
  if (!near.empty()) {
    return base::StrCat("unknown command '", base::Printable(word), "'; did you mean '", near,
                        "'?");
  }
  return base::StrCat("unknown command '", base::Printable(word), "'; see slipway --help");
}

bool IsCommand(const std::string& word) {
  for (const CommandEntry& command : AllCommands()) {
    if (word == command.name) return true;
  }
  return false;
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && argv[1][0] != '-' && !IsCommand(argv[1])) {
    std::cerr << "slipway: " << UnknownCommand(argv[1]) << "\n";
    return base::ExitCode(base::StatusCode::kInvalidArgument);
  }
  base::RealClock clock;
  const base::RealFileSystem fs;
  const CommandContext context{.clock = clock, .fs = fs, .out = std::cout, .err = std::cerr};

  CLI::App app("Slipway takes a trained model to production and keeps it healthy there.",
               "slipway");
  app.require_subcommand(1);
  app.footer("slipway COMMAND --help explains a command and shows an example.");
  base::Status status;
  std::vector<std::unique_ptr<Command>> commands;
  for (const CommandEntry& entry : AllCommands()) {
    commands.push_back(entry.make(context));
    CLI::App* sub = app.add_subcommand(entry.name, entry.summary);
    if (entry.hidden) sub->group("");
    sub->footer(base::StrCat("Example:\n  ", entry.example));
    commands.back()->Configure(*sub);
    sub->callback([&status, name = entry.name, command = commands.back().get()] {
      status = command->Run().WithContext(base::StrCat("slipway ", name));
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error, std::cout, std::cerr);
    return base::ExitCode(base::StatusCode::kInvalidArgument);
  }
  std::cout.flush();
  if (!status.ok()) std::cerr << status.message() << "\n";
  return base::ExitCode(status.code());
}

}  // namespace
}  // namespace slipway::app

int main(int argc, char** argv) {
  try {
    return slipway::app::Main(argc, argv);
  } catch (const std::exception& error) {  // of a library: ours are told by Status
    std::fprintf(stderr, "slipway: %s\n", error.what());
    return slipway::base::ExitCode(slipway::base::StatusCode::kInternal);
  }
}

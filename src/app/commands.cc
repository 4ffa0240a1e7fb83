#include "app/command.h"
#include "app/serve_command.h"
#include "app/version_command.h"

namespace slipway::app {
namespace {

template <typename T>
std::unique_ptr<Command> Make(const CommandContext& context) {
  return std::make_unique<T>(context);
}

}  // namespace

std::vector<CommandEntry> AllCommands() {
  return {
      {.name = "serve",
       .summary = "Serve models over REST",
       .example = "slipway serve model.onnx --listen 127.0.0.1:8000",
       .make = Make<ServeCommand>},
      {.name = "version",
       .summary = "Print the versions of slipway and of its engines",
       .example = "slipway version --json",
       .make = Make<VersionCommand>},
  };
}

}  // namespace slipway::app

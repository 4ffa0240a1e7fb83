#include "app/version_command.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "app/console/version.h"
#include "app/engines/engines.h"

namespace slipway::app {

void VersionCommand::Configure(CLI::App& app) { app.add_flag("--json", json_, "Print JSON"); }

base::Status VersionCommand::Run() {
  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeEngineFactory(context_.fs, *log));
  if (json_) {
    const nlohmann::json report = {
        {"slipway", SlipwayVersion()},
        {"engines", {{{"name", factory->name()}, {"version", factory->version()}}}}};
    context_.out << report.dump(2) << "\n";
  } else {
    context_.out << "slipway " << SlipwayVersion() << "\n"
                 << factory->name() << " " << factory->version() << "\n";
  }
  return base::OkStatus();
}

}  // namespace slipway::app

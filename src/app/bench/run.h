#pragma once

#include <optional>
#include <string>

#include "app/bench/plan.h"
#include "app/bench/report.h"
#include "app/bench/server_process.h"
#include "app/console/command_context.h"
#include "app/console/shutdown_signals.h"
#include "base/status.h"

namespace slipway::app {

// The server of a plan, if it can be seen from here, or why not.
struct SeenServer {
  std::optional<ServerProcess> process;
  std::string why_not;
};
// `pid` > 0: that process, kNotFound when there is none.
base::Result<SeenServer> FindServer(const BenchPlan& plan, int pid);

// Runs the load of `plan` once. `progress`: a line each second on context.err.
base::Result<BenchReport> RunBench(const BenchPlan& plan, const SeenServer& server, bool progress,
                                   ShutdownSignals& signals, const CommandContext& context);

}  // namespace slipway::app

#include "app/bench_command.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "app/bench_plan.h"
#include "app/bench_run.h"
#include "app/progress.h"
#include "app/shutdown_signals.h"

namespace slipway::app {

using base::Status;
using nlohmann::json;

Status BenchCommand::Run() {
  SLIPWAY_ASSIGN_OR_RETURN(const BenchOptions options, flags_.Read());
  SLIPWAY_ASSIGN_OR_RETURN(const BenchPlan plan, MakeBenchPlan(options, options.url, context_));
  SLIPWAY_ASSIGN_OR_RETURN(const SeenServer server, FindServer(plan, options.pid));
  if (!options.json) PrintPlan(plan, context_.out);
  ShutdownSignals signals;
  const bool progress = !options.quiet && StandardErrorIsTerminal();
  SLIPWAY_ASSIGN_OR_RETURN(const BenchReport report,
                           RunBench(plan, server, progress, signals, context_));
  return Publish(options, report);
}

Status BenchCommand::Publish(const BenchOptions& options, const BenchReport& report) const {
  const std::string text =
      ReportJson(report).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  if (options.json) {
    context_.out << text << std::flush;
  } else {
    PrintReport(report, context_.out);
  }
  if (!options.output.empty()) {
    SLIPWAY_RETURN_IF_ERROR(context_.fs.WriteAtomically(options.output, text));
  }
  if (report.all.answered == 0 && !report.all.interrupted) {
    return base::Unavailable("no request was answered");
  }
  return base::OkStatus();
}

}  // namespace slipway::app

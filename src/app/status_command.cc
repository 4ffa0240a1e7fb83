#include "app/status_command.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "app/client/server_client.h"
#include "app/console/progress.h"
#include "app/console/shutdown_signals.h"
#include "app/status_report.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 5s;
constexpr auto kPeriod = 1s;
constexpr const char* kClearScreen = "\x1b[H\x1b[2J\x1b[3J";

}  // namespace

void StatusCommand::Configure(CLI::App& app) {
  app.add_option("url", url_, "The server, default http://127.0.0.1:8000")->type_name("URL");
  AddTlsOptions(app, tls_);
  app.add_flag("--watch", watch_, "Again each second, until Ctrl-C");
  app.add_flag("--json", json_, "Print JSON; with --watch, one line each time");
}

base::Status StatusCommand::Run() {
  SLIPWAY_ASSIGN_OR_RETURN(const ServerUrl url, ParseServerUrl(url_));
  if (!url.model.empty()) {
    return base::InvalidArgument(
        base::StrCat("'", url_, "': expected the address of a server only, ", url.server));
  }
  SLIPWAY_ASSIGN_OR_RETURN(SharedTls tls, MakeTls(url.server, tls_, context_.fs));
  SLIPWAY_ASSIGN_OR_RETURN(ServerClient client, ServerClient::Create(url.server, context_.clock,
                                                                     kTimeout, std::move(tls)));
  return watch_ ? Watch(client) : PrintOnce(client, false);
}

base::Status StatusCommand::PrintOnce(ServerClient& client, bool one_line) {
  SLIPWAY_ASSIGN_OR_RETURN(const StatusReport report, ReadStatus(client));
  if (json_) {
    context_.out << ReportJson(report).dump(one_line ? -1 : 2, ' ', false,
                                            nlohmann::json::error_handler_t::replace)
                 << "\n";
  } else {
    PrintReport(report, context_.clock.SystemNow(), context_.out);
  }
  return base::OkStatus();
}

base::Status StatusCommand::Watch(ServerClient& client) {
  ShutdownSignals signals;
  const bool redraw = !json_ && StandardOutputIsTerminal();
  do {
    if (redraw) context_.out << kClearScreen;
    if (const base::Status status = PrintOnce(client, true); !status.ok()) {
      (json_ ? context_.err : context_.out) << status.message() << "\n";
    }
    if (!json_ && !redraw) context_.out << "\n";
    context_.out.flush();
    if (!context_.out) return base::OkStatus();  // whoever read it has gone
  } while (!signals.Wait(kPeriod));
  return base::OkStatus();
}

}  // namespace slipway::app

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/bench/options.h"
#include "app/bench/report.h"
#include "app/bench/run.h"
#include "app/command.h"
#include "app/console/shutdown_signals.h"

namespace slipway::app {

// slipway bench URL: load on a model server, ours or another that speaks the Open Inference
// protocol, and what came of it: one test, a sweep over more and more load, or two servers in turn.
// slipway bench compare A.json B.json: two reports beside each other.
//
// Sends each request once first and ends with the server's words if that fails. Ctrl-C ends the
// test early and prints what was measured.
class BenchCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  base::Status RunOne(const BenchOptions& options);
  base::Status RunSweep(const BenchOptions& options);
  base::Status RunAgainst(const BenchOptions& options);
  base::Status RunCompare();

  base::Result<nlohmann::json> ReadReport(const std::string& file) const;
  // Prints `document` with --json, and writes what --output and --html ask for.
  base::Status Publish(const BenchOptions& options, const nlohmann::json& document) const;
  bool ShowsProgress(const BenchOptions& options) const;

  BenchFlags flags_;
  CLI::App* compare_ = nullptr;
  std::vector<std::string> compared_files_;
  bool compare_json_ = false;
  std::string compare_html_;
};

}  // namespace slipway::app

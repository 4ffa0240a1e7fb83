#pragma once

#include "app/bench_options.h"
#include "app/bench_report.h"
#include "app/command.h"

namespace slipway::app {

// slipway bench URL: load on a model server, ours or another that speaks the Open Inference
// protocol, and what came of it.
//
// Sends each request once first and ends with the server's words if that fails. Ctrl-C ends the
// test early and prints what was measured.
class BenchCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override { flags_.Configure(app); }
  base::Status Run() override;

 private:
  base::Status Publish(const BenchOptions& options, const BenchReport& report) const;

  BenchFlags flags_;
};

}  // namespace slipway::app

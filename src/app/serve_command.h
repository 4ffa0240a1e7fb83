#pragma once

#include <string>
#include <vector>

#include "app/command.h"
#include "app/server/server_config.h"

namespace slipway::app {

class ModelServer;

// slipway serve SRC...: a server until SIGINT or SIGTERM.
//
// Configuration: the defaults, then the configuration file, then the flags; each wins over the one
// before. SIGHUP reads the file again, with the same flags. The first signal to end drains:
// readiness turns false, open requests end, exit status 0. A second one ends at once.
class ServeCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  // Can be called again: files are read anew.
  base::Result<ServerConfig> Configuration() const;
  base::Status SplitSources();
  base::Status ApplyFlags(ServerConfig& config) const;
  base::Status Serve(const ServerConfig& config);
  void PrintBanner(const ModelServer& server) const;

  // What flags say; empty or absent: not given.
  std::vector<std::string> sources_;
  std::vector<std::string> models_;  // of the sources, those that are no configuration
  std::string config_file_;
  bool print_config_ = false;
  std::vector<std::pair<std::string, std::string>> overrides_;  // configuration field, value
  std::vector<std::string> listen_;
  std::vector<std::string> allowed_hosts_;
  bool insecure_ = false;
  bool shared_memory_ = false;
};

}  // namespace slipway::app

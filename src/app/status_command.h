#pragma once

#include <string>

#include "app/client/server_client.h"
#include "app/command.h"

namespace slipway::app {

// slipway status [URL]: what a running server serves, and how that goes. With --watch, again each
// second until Ctrl-C, which ends it with exit status 0; a server that goes away meanwhile is shown
// as gone and asked again.
class StatusCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  base::Status Watch(ServerClient& client);
  base::Status PrintOnce(ServerClient& client, bool one_line);

  std::string url_ = "http://127.0.0.1:8000";
  TlsOptions tls_;
  bool json_ = false;
  bool watch_ = false;
};

}  // namespace slipway::app

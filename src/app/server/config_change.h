#pragma once

#include <string>
#include <vector>

#include "app/server/server_config.h"

namespace slipway::app {

// What a running server does with a new configuration. A value.
struct ConfigChange {
  ServerConfig next;                 // the old one, with what can change while the server runs
  std::vector<std::string> applied;  // fields that can, and have changed
  std::vector<std::string> waiting;  // fields that have, and hold only from the next start on

  bool models() const;  // whether settings of models are among the applied
};

// Settings of models, log.level and what is traced can change; addresses, limits, threads and files
// cannot. Both configurations are valid.
ConfigChange CompareConfigs(const ServerConfig& running, const ServerConfig& wanted);

}  // namespace slipway::app

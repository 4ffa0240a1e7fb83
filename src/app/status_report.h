#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "app/client/server_client.h"
#include "base/clock.h"
#include "base/status.h"

namespace slipway::app {

// What a server says of itself and its models. A value.
struct StatusReport {
  struct Duration {
    uint64_t count = 0;
    uint64_t ns = 0;
  };
  struct Model {
    std::string name;
    std::string version;  // "" when no version is known
    std::string state;    // READY, LOADING, UNLOADING, UNAVAILABLE
    std::string reason;   // why, where the server says it
    // Since the server started; 0 where it keeps no statistics.
    uint64_t rows = 0;
    uint64_t executions = 0;
    uint64_t last_inference_ms = 0;  // since the epoch; 0: never
    Duration success;                // whole requests
    Duration fail;
    Duration queue;
    Duration infer;  // inside the engine
  };

  std::string url;
  std::string name;
  std::string version;
  bool live = false;
  bool ready = false;
  std::vector<Model> models;  // by name and version
};

// Asks the server. Servers without the extensions model_repository and statistics are asked less.
base::Result<StatusReport> ReadStatus(ServerClient& client);

// For people. `now` is for "last request 5 s ago".
void PrintReport(const StatusReport& report, base::SystemTime now, std::ostream& out);
nlohmann::json ReportJson(const StatusReport& report);

}  // namespace slipway::app

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/bench/options.h"
#include "app/bench/stream.h"
#include "app/client/server_client.h"
#include "app/console/command_context.h"
#include "base/status.h"

namespace slipway::app {

// A request that the server has answered well, once.
struct PreparedRequest {
  WireRequest wire;
  std::string target;  // "POST http://127.0.0.1:8000/v2/models/m/infer"
  std::string format;  // "json", "binary", "grpc", or "as given"
};

// Makes the requests of a load test for one server in one protocol. Thread-compatible.
class RequestMaker {
 public:
  virtual ~RequestMaker() = default;
  // The model that the server has, if it has only one. kInvalidArgument names those it has.
  virtual base::Result<std::string> OnlyModel() = 0;
  // The request for a model, with a body of `rows` rows or that of `input_file`, tried once: its
  // failure is the server's own explanation.
  virtual base::Result<PreparedRequest> Make(const std::string& model, int64_t rows,
                                             const std::string& input_file) = 0;
};

// What a target sends, for the report.
struct TargetFacts {
  std::string name;
  std::string target;
  std::string format;
  int64_t batch = 1;
  uint64_t request_bytes = 0;
};

// Everything that is needed to put load on a server, any number of times.
struct BenchPlan {
  std::string server;  // "http://127.0.0.1:8000"
  SharedTls tls;       // what the streams use
  std::vector<StreamPlan> streams;
  std::vector<TargetFacts> facts;  // one for each stream
  LoadOptions load;
};

// Asks the server at `url` what it serves and prepares all requests. Sends each of them once.
base::Result<BenchPlan> MakeBenchPlan(const BenchOptions& options, const std::string& url,
                                      const CommandContext& context);

}  // namespace slipway::app

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/bench/plan.h"
#include "net/http2_client_session.h"
#include "net/http_client.h"

namespace slipway::app {

// The name, if all `names` are the same one. kInvalidArgument lists them.
base::Result<std::string> OnlyModelOf(const std::vector<std::string>& names);
// "Name: value" as HTTP/2 has it: the name in lower case.
std::pair<std::string, std::string> HeaderField(std::string_view line);

// Requests of the Open Inference REST protocol, or to any path, over HTTP/1.1 or HTTP/2. The first
// try is made over HTTP/1.1. What it is given outlives it.
class RestRequests final : public RequestMaker {
 public:
  static base::Result<std::unique_ptr<RequestMaker>> Create(const BenchOptions& options,
                                                            const ServerUrl& url,
                                                            const net::ServerName& to,
                                                            const CommandContext& context);

  base::Result<std::string> OnlyModel() override;
  base::Result<PreparedRequest> Make(const std::string& model, int64_t rows,
                                     const std::string& input_file) override;

 private:
  RestRequests(const BenchOptions& options, const ServerUrl& url, const net::ServerName& to,
               const CommandContext& context, ServerClient client)
      : options_(options), url_(url), to_(to), context_(context), client_(std::move(client)) {}

  std::string ModelPath(const std::string& model) const;
  // Those of the user, and what the body needs.
  std::vector<std::string> Headers(const BenchBody& body) const;
  base::Status TryOnce(std::string_view method, std::string_view target,
                       const std::vector<std::string>& headers, std::string_view body);

  const BenchOptions& options_;
  const ServerUrl& url_;
  const net::ServerName& to_;
  const CommandContext& context_;
  ServerClient client_;
};

}  // namespace slipway::app

#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"

namespace slipway::app {

// Speaks the Open Inference REST protocol with a server, for commands.
//
// Errors: what the server says, with the code that its HTTP status stands for; kUnavailable when
// there is no server (says how to start one). Thread-compatible; `clock` must outlive it.
class ServerClient {
 public:
  // `server`: "http://host:port" or "unix:/path". Does not connect yet.
  static base::Result<ServerClient> Create(std::string_view server, const base::Clock& clock,
                                           std::chrono::milliseconds timeout);

  const std::string& server() const { return server_; }
  // The answer, whatever its status.
  base::Result<net::HttpClient::Response> SendAny(const net::HttpClient::Request& request);
  // The answer, if its status is 200.
  base::Result<net::HttpClient::Response> Send(const net::HttpClient::Request& request);
  base::Result<nlohmann::json> Get(std::string_view target);
  base::Result<nlohmann::json> Post(std::string_view target, std::string_view body);

 private:
  ServerClient(std::string server, net::HttpClient http)
      : server_(std::move(server)), http_(std::move(http)) {}
  base::Result<nlohmann::json> SendForJson(const net::HttpClient::Request& request);

  std::string server_;
  net::HttpClient http_;
};

// What a URL on the command line names. A value.
struct ServerUrl {
  std::string server;        // "http://127.0.0.1:8000" or "unix:/run/slipway.sock"
  std::string model = {};    // "" when the URL names none
  std::string version = {};  // "" when the URL names none
  friend bool operator==(const ServerUrl&, const ServerUrl&) = default;
};

// "http://host:port", optionally followed by /v2/models/NAME, /versions/V and /infer, or
// "unix:PATH". kInvalidArgument; kUnimplemented for https.
base::Result<ServerUrl> ParseServerUrl(std::string_view url);
bool LooksLikeUrl(std::string_view text);

// The member of that name if it is text, else "": answers are not ours to trust.
std::string JsonText(const nlohmann::json& object, const char* key);

// `text` for one segment of a path.
std::string PercentEncode(std::string_view text);

}  // namespace slipway::app

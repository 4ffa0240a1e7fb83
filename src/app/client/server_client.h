#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "net/http_client.h"
#include "net/tls_client.h"

namespace CLI {
class App;
}  // namespace CLI

namespace slipway::app {

// What a command says about https, shared by all that its connections make of it.
using TlsOptions = net::TlsClientContext::Options;
using SharedTls = std::shared_ptr<const net::TlsClientContext>;

// --cacert, --insecure, --cert and --key.
void AddTlsOptions(CLI::App& app, TlsOptions& options);
// Null when `server` is not an https:// URL; then options for TLS are an error.
base::Result<SharedTls> MakeTls(std::string_view server, const TlsOptions& options,
                                const base::FileSystem& fs);

// Speaks the Open Inference REST protocol with a server, for commands.
//
// Errors: what the server says, with the code that its HTTP status stands for; kUnavailable when
// there is no server (says how to start one). Thread-compatible; `clock` must outlive it.
class ServerClient {
 public:
  // `server`: "http://host:port", "https://host:port" with `tls`, or "unix:/path". Does not connect
  // yet.
  static base::Result<ServerClient> Create(std::string_view server, const base::Clock& clock,
                                           std::chrono::milliseconds timeout,
                                           SharedTls tls = nullptr);

  const std::string& server() const { return server_; }
  // The answer, whatever its status.
  base::Result<net::HttpClient::Response> SendAny(const net::HttpClient::Request& request);
  // The answer, if its status is 200.
  base::Result<net::HttpClient::Response> Send(const net::HttpClient::Request& request);
  base::Result<nlohmann::json> Get(std::string_view target);
  base::Result<nlohmann::json> Post(std::string_view target, std::string_view body);

 private:
  ServerClient(std::string server, SharedTls tls, net::HttpClient http)
      : server_(std::move(server)), tls_(std::move(tls)), http_(std::move(http)) {}
  base::Result<nlohmann::json> SendForJson(const net::HttpClient::Request& request);

  std::string server_;
  SharedTls tls_;
  net::HttpClient http_;
};

// What a URL on the command line names. A value.
struct ServerUrl {
  std::string server;        // "http://127.0.0.1:8000" or "unix:/run/slipway.sock"
  std::string model = {};    // "" when the URL names none
  std::string version = {};  // "" when the URL names none
  friend bool operator==(const ServerUrl&, const ServerUrl&) = default;
};

// "http://host:port" or "https://host:port", optionally followed by /v2/models/NAME, /versions/V
// and /infer, or "unix:PATH". kInvalidArgument.
base::Result<ServerUrl> ParseServerUrl(std::string_view url);
bool LooksLikeUrl(std::string_view text);

// The member of that name if it is text, else "": answers are not ours to trust.
std::string JsonText(const nlohmann::json& object, const char* key);

// `text` for one segment of a path.
std::string PercentEncode(std::string_view text);

}  // namespace slipway::app

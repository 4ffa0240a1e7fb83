#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "app/server/model_settings.h"
#include "base/config.h"
#include "base/log.h"
#include "base/status.h"
#include "frontend/shared_memory_registry.h"
#include "lifecycle/manager.h"
#include "monitor/request_tracer.h"
#include "net/limits.h"
#include "net/tls_context.h"

namespace slipway::app {

// TLS, when there is a certificate. A value.
struct TlsConfig {
  std::string cert;
  std::string key;
  std::string client_ca;
  std::string client_auth = "none";
  std::string min_version = "1.3";
  bool allow_plaintext = false;

  bool enabled() const { return !cert.empty() || !key.empty(); }
  // kInvalidArgument when values do not fit together; files are not looked at.
  base::Result<net::TlsContext::Options> ToOptions() const;
};

// System shared memory, for clients on the same host. A value.
struct SharedMemoryConfig {
  bool enabled = false;
  size_t max_regions = 1024;
  uint64_t max_bytes = uint64_t{16} << 30;

  // `limits`: what a request may have in its body holds for what it has in shared memory, too.
  frontend::SharedMemoryRegistry::Options ToOptions(const net::Limits& limits) const;
};

// Traces of single requests. A value.
struct TraceConfig {
  std::string file;
  monitor::TraceSettings settings;
};

// Everything `slipway serve` can be told, by slipway.yaml or by flags. A value.
struct ServerConfig {
  std::vector<std::string> models;  // model files and repository directories
  std::string name;                 // of the model, when one file is served; empty: from the file
  std::vector<std::string> listen = {"127.0.0.1:8000"};
  std::vector<std::string> allowed_hosts;  // see BrowserGuard
  bool insecure = false;                   // listen beyond loopback without authentication
  std::string control = "watch";
  std::string load = "all";  // "all", "none" or names with commas
  std::string version_policy = "latest:1";
  uint64_t memory_budget_bytes = 0;  // 0: 80 % of what this process may use
  int64_t io_threads = 0;            // 0: one per usable processor, at most 8
  std::string cache_dir = "auto";
  std::string client_header;  // names the client
  ModelSettings model;        // of every model
  OwnModelSettings own;       // of single models
  std::chrono::nanoseconds settle = std::chrono::seconds(1);
  std::chrono::nanoseconds drain_delay = std::chrono::seconds(0);
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds(30);
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kHuman;
  std::string log_file;
  net::Limits limits;
  TlsConfig tls;
  SharedMemoryConfig shared_memory;
  TraceConfig trace;

  // The fields of slipway.yaml, bound to this object.
  std::vector<base::ConfigField> Fields();
  // kInvalidArgument when values do not fit together.
  base::Status Validate() const;
  // Whether only clients on this machine reach the server, and in the clear. `listen` is valid.
  bool local_and_plain() const;
};

base::Result<base::LogLevel> ParseLogLevel(std::string_view text);
std::string_view LogLevelText(base::LogLevel level);
base::Result<base::LogFormat> ParseLogFormat(std::string_view text);

}  // namespace slipway::app

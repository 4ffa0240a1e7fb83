#include "app/server/server_config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "app/server/browser_guard.h"
#include "app/server/config_fields.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/version_policy.h"
#include "net/listen_address.h"
#include "net/protocol_sniffer.h"

namespace slipway::app {
namespace {

using base::ConfigField;
using base::ConfigValue;
using base::OkStatus;
using base::StrCat;
using Scheme = net::ListenAddress::Scheme;

constexpr std::array<std::string_view, 5> kLevels = {"debug", "info", "warn", "error", "off"};

void AppendLimits(net::Limits& limits, std::vector<ConfigField>& fields) {
  fields.push_back(Bytes("limits.max_header_bytes", "Request line and headers together (431)",
                         limits.max_header_bytes));
  fields.push_back(
      Count("limits.max_header_count", "Headers of one request (431)", limits.max_header_count, 1));
  fields.push_back(
      Bytes("limits.max_target_bytes", "Path and query (414)", limits.max_target_bytes));
  fields.push_back(Time("limits.header_deadline",
                        "From the first byte to the end of the headers (408)",
                        limits.header_deadline));
  fields.push_back(Time("limits.handshake_timeout",
                        "TLS handshake, from its first byte; slower clients are closed",
                        limits.handshake_timeout));
  fields.push_back(
      Time("limits.idle_timeout", "A connection without a request is closed", limits.idle_timeout));
  fields.push_back(Bytes("limits.min_body_bytes_per_second",
                         "Slower bodies are given up after the grace (408); 0: no limit",
                         limits.min_body_bytes_per_second));
  fields.push_back(
      Time("limits.body_grace", "Time before the body rate is looked at", limits.body_grace));
  fields.push_back(Time("limits.write_timeout", "A client that does not read is closed after this",
                        limits.write_timeout));
  fields.push_back(Bytes("limits.max_body", "Request body as sent (413)", limits.max_body_bytes));
  fields.push_back(Bytes("limits.max_decompressed_body", "Request body after decompression (413)",
                         limits.max_decompressed_bytes));
  fields.push_back(Count("limits.max_decompression_ratio",
                         "Decompressed to compressed size, beyond 1 MiB (413)",
                         limits.max_decompression_ratio, 1));
  fields.push_back(Count("limits.max_connections", "Open connections in total (503)",
                         limits.max_connections, 1));
  fields.push_back(Count("limits.max_connections_per_address",
                         "Open connections of one client address (429)",
                         limits.max_connections_per_address, 1));
  fields.push_back(Bytes("limits.max_buffered_bytes",
                         "Request buffers of all connections together (429, 413)",
                         limits.max_buffered_bytes));
  fields.push_back(Count("limits.max_pipelined", "Requests read ahead on one connection",
                         limits.max_pipelined, 1));
  fields.push_back(Count("limits.max_streams", "Streams at the same time on an HTTP/2 connection",
                         limits.max_streams, 1));
  fields.push_back(Count("limits.max_resets_per_second",
                         "Streams of an HTTP/2 connection that its client resets, beyond a burst "
                         "of five seconds' worth",
                         limits.max_resets_per_second, 1));
  fields.push_back(Bytes("limits.stream_window_bytes",
                         "How far an HTTP/2 client may be ahead of us on one stream",
                         limits.stream_window_bytes));
  fields.push_back(Bytes("limits.connection_window_bytes", "And on all streams of a connection",
                         limits.connection_window_bytes));
}

void AppendTls(TlsConfig& tls, std::vector<ConfigField>& fields) {
  fields.push_back(
      Text("tls.cert", "Certificate and its chain (PEM); with a key, TLS is spoken", tls.cert));
  fields.push_back(Text("tls.key", "Its private key (PEM, no passphrase)", tls.key));
  fields.push_back(
      Text("tls.client_ca", "Authorities whose client certificates are good (PEM)", tls.client_ca));
  fields.push_back(
      Text("tls.client_auth", "Client certificates: none, optional or required", tls.client_auth));
  fields.push_back(Text("tls.min_version", "1.3 or 1.2", tls.min_version));
  fields.push_back(
      Flag("tls.allow_plaintext",
           "Plaintext as well, on addresses without http= or https=", tls.allow_plaintext));
}

void AppendSharedMemory(SharedMemoryConfig& config, std::vector<ConfigField>& fields) {
  fields.push_back(Flag("shared_memory.enabled",
                        "Tensors in system shared memory, for clients on this host; they reach all "
                        "objects that the server's user may read and write",
                        config.enabled));
  fields.push_back(Count("shared_memory.max_regions",
                         "Regions that may be registered; each holds a file descriptor",
                         config.max_regions, 1));
  fields.push_back(Bytes("shared_memory.max_bytes", "Bytes of all registered regions together",
                         config.max_bytes));
}

ConfigField Level(base::LogLevel& target) {
  return {"log.level", "debug, info, warn, error or off",
          [&target](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const std::string text, value.AsString());
            auto level = ParseLogLevel(text);
            if (!level.ok()) return value.Error(level.status().message());
            target = *level;
            return OkStatus();
          },
          [&target] { return std::string(LogLevelText(target)); }};
}

ConfigField Format(base::LogFormat& target) {
  return {"log.format", "human or json",
          [&target](const ConfigValue& value) {
            SLIPWAY_ASSIGN_OR_RETURN(const std::string text, value.AsString());
            auto format = ParseLogFormat(text);
            if (!format.ok()) return value.Error(format.status().message());
            target = *format;
            return OkStatus();
          },
          [&target] { return std::string(target == base::LogFormat::kJson ? "json" : "human"); }};
}

void AppendTrace(TraceConfig& config, std::vector<ConfigField>& fields) {
  fields.push_back(Text("trace.file",
                        "Where traces of single requests go, as JSON; empty: nothing can be traced",
                        config.file));
  fields.push_back(
      {"trace.level", "OFF or TIMESTAMPS; clients may change this and what follows",
       [&config](const ConfigValue& value) {
         SLIPWAY_ASSIGN_OR_RETURN(const std::string text, value.AsString());
         if (text != "OFF" && text != "TIMESTAMPS") {
           return value.Error(
               StrCat("expected OFF or TIMESTAMPS, got '", base::Printable(text), "'"));
         }
         config.settings.timestamps = text == "TIMESTAMPS";
         return OkStatus();
       },
       [&config] { return std::string(config.settings.timestamps ? "TIMESTAMPS" : "OFF"); }});
  fields.push_back(
      Count("trace.rate", "One request of so many is traced", config.settings.rate, 1));
  fields.push_back(
      Count("trace.count", "Traces until it ends; -1: no end", config.settings.count, -1));
  fields.push_back(Count("trace.log_frequency",
                         "Traces in one file: FILE.0, FILE.1, ...; 0: all in FILE",
                         config.settings.log_frequency, 0));
}

ConfigField Own(OwnModelSettings& target) {
  return {
      "model_settings",
      "By model name, what a model has of its own: any of provider, intra_op_threads, batching, "
      "objective, timeout, queue_threads, max_queued, shed_overload, overflow_model, fair_share, "
      "cpu_weight, max_run_time, isolation, process_memory, cache, sequence",
      [&target](const ConfigValue& value) { return target.Read(value); },
      [&target] { return target.Print(); }};
}

void AppendDrain(ServerConfig& config, std::vector<ConfigField>& fields) {
  fields.push_back(Time("drain.delay",
                        "On SIGTERM: keep accepting for this long while readiness is false",
                        config.drain_delay));
  fields.push_back(
      Time("drain.timeout", "On SIGTERM: wait this long for open requests", config.drain_timeout));
}

void AppendLog(ServerConfig& config, std::vector<ConfigField>& fields) {
  fields.push_back(Level(config.log_level));
  fields.push_back(Format(config.log_format));
  fields.push_back(Text("log.file", "Where log lines go; empty: standard error", config.log_file));
}

}  // namespace

base::Result<base::LogLevel> ParseLogLevel(std::string_view text) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == text) return static_cast<base::LogLevel>(i);
  }
  return base::InvalidArgument(StrCat("log level: expected debug, info, warn, error or off, got '",
                                      base::Printable(text), "'"));
}

std::string_view LogLevelText(base::LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

base::Result<base::LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "human") return base::LogFormat::kHuman;
  if (text == "json") return base::LogFormat::kJson;
  return base::InvalidArgument(
      StrCat("log format: expected human or json, got '", base::Printable(text), "'"));
}

std::vector<ConfigField> ServerConfig::Fields() {
  std::vector<ConfigField> fields = {
      Texts("models", "Model files and repository directories (NAME/VERSION/model.onnx)", models),
      Text("name", "Name of the model, when one file is served; empty: from the file", name),
      Texts("listen",
            "Addresses: HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes a free one; http= or "
            "https= in front says what is spoken there",
            listen),
      Texts(
          "allowed_hosts",
          "Names by which clients may call this server, as in the header Host: model.example.com, "
          "*.example.com or *, beside addresses and names of private networks; empty: just those "
          "while it listens in the clear on loopback only, else all",
          allowed_hosts),
      Flag("insecure", "Allow addresses beyond loopback although clients are not authenticated",
           insecure),
      Text("control", "watch: follow the repository; explicit: only the API loads and unloads",
           control),
      Text("load", "Models to load at start: all, none, or names with commas", load),
      Text("version_policy", "Versions to serve: latest:N, all, or specific:1,3", version_policy),
      Bytes("memory_budget", "Memory for models; 0: 80 % of what this process may use",
            memory_budget_bytes),
      Count("io_threads", "Threads that serve connections; 0: one per processor, at most 8",
            io_threads, 0),
      Text("cache_dir",
           "Where what batches of a model gain on this processor is kept for the next start: a "
           "directory; none; or auto: the user's cache directory, where it can be written",
           cache_dir)};
  fields.push_back(
      Text("client_header",
           "Header by which a proxy in front names the client, for fair_share; empty, or not in a "
           "request: the client's TLS certificate, or its address",
           client_header));
  std::ranges::move(model.Fields(), std::back_inserter(fields));
  fields.push_back(Own(own));
  fields.push_back(
      Time("settle", "How long files must be unchanged before a new version is loaded", settle));
  AppendDrain(*this, fields);
  AppendLog(*this, fields);
  AppendTrace(trace, fields);
  AppendTls(tls, fields);
  AppendSharedMemory(shared_memory, fields);
  AppendLimits(limits, fields);
  return fields;
}

frontend::SharedMemoryRegistry::Options SharedMemoryConfig::ToOptions(
    const net::Limits& limits) const {
  frontend::SharedMemoryRegistry::Options options;
  options.max_regions = max_regions;
  options.max_bytes = max_bytes;
  options.max_request_bytes = limits.max_body_bytes;
  return options;
}

base::Result<net::TlsContext::Options> TlsConfig::ToOptions() const {
  using ClientAuth = net::TlsContext::ClientAuth;
  if (cert.empty() || key.empty()) {
    return base::InvalidArgument(cert.empty() ? "tls.cert: expected the certificate of tls.key"
                                              : "tls.key: expected the key of tls.cert");
  }
  net::TlsContext::Options options;
  options.certificate_file = cert;
  options.key_file = key;
  options.client_ca_file = client_ca;
  options.allow_plaintext = allow_plaintext;
  options.protocols.assign(net::kTlsProtocols.begin(), net::kTlsProtocols.end());
  if (client_auth == "optional") {
    options.client_auth = ClientAuth::kOptional;
  } else if (client_auth == "required") {
    options.client_auth = ClientAuth::kRequired;
  } else if (client_auth != "none") {
    return base::InvalidArgument(
        StrCat("tls.client_auth: expected none, optional or required, got '",
               base::Printable(client_auth), "'"));
  }
  if (min_version != "1.2" && min_version != "1.3") {
    return base::InvalidArgument(
        StrCat("tls.min_version: expected 1.2 or 1.3, got '", base::Printable(min_version), "'"));
  }
  options.allow_tls12 = min_version == "1.2";
  SLIPWAY_RETURN_IF_ERROR(options.Validate().WithContext("tls"));
  return options;
}

base::Status ServerConfig::Validate() const {
  if (models.empty()) {
    return base::InvalidArgument(
        "no model given: name a model file, a repository directory or a configuration file, for "
        "example 'slipway serve model.onnx'");
  }
  if (control != "watch" && control != "explicit") {
    return base::InvalidArgument(
        StrCat("control: expected 'watch' or 'explicit', got '", base::Printable(control), "'"));
  }
  SLIPWAY_RETURN_IF_ERROR(lifecycle::VersionPolicy::Parse(version_policy).status());
  SLIPWAY_RETURN_IF_ERROR(model.Validate());
  for (const std::string& one : own.names()) {
    const base::Status fits = own.For(one, model).Validate();
    if (!fits.ok()) {
      return fits.WithContext(StrCat("model_settings, model '", base::Printable(one), "'"));
    }
  }
  if (trace.settings.timestamps && trace.file.empty()) {
    return base::InvalidArgument("trace.level: TIMESTAMPS needs a trace.file");
  }
  for (const std::string& host : allowed_hosts) {
    if (BrowserGuard::IsHostPattern(host)) continue;
    return base::InvalidArgument(
        StrCat("allowed_hosts: expected a name without a port, such as model.example.com or "
               "*.example.com, or *, got '",
               base::Printable(host), "'"));
  }
  if (listen.empty()) return base::InvalidArgument("listen: expected at least one address");
  if (tls.enabled()) {
    SLIPWAY_RETURN_IF_ERROR(tls.ToOptions().status());
  } else if (!tls.client_ca.empty() || tls.client_auth != "none") {
    return base::InvalidArgument("tls: client certificates need tls.cert and tls.key");
  }
  for (const std::string& text : listen) {
    SLIPWAY_ASSIGN_OR_RETURN(const net::ListenAddress address, net::ListenAddress::Parse(text));
    if (address.scheme == Scheme::kHttps && !tls.enabled()) {
      return base::InvalidArgument(
          StrCat("listen address '", text, "': TLS needs --tls-cert and --tls-key"));
    }
    const bool always_tls = address.scheme == Scheme::kHttps ||
                            (address.scheme == Scheme::kAny && !tls.allow_plaintext);
    const bool authenticated = tls.client_auth == "required" && always_tls;
    if (!address.loopback() && !insecure && !authenticated) {
      return base::InvalidArgument(StrCat(
          "listen address '", text,
          "' is reachable from other machines, and clients are not "
          "authenticated: use 127.0.0.1, ask for client certificates (--tls-client-ca), or say "
          "--insecure if the network is trusted"));
    }
  }
  return limits.Validate();
}

bool ServerConfig::local_and_plain() const {
  return !tls.enabled() && std::ranges::all_of(listen, [](const std::string& text) {
    const base::Result<net::ListenAddress> address = net::ListenAddress::Parse(text);
    return address.ok() && address->loopback();
  });
}

}  // namespace slipway::app

#include "app/serve_command.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "app/console/shutdown_signals.h"
#include "app/console/version.h"
#include "app/curl_example.h"
#include "app/server/model_server.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;
using namespace std::chrono_literals;

bool IsConfigFile(const std::string& path) {
  return path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".json");
}

void PrepareProcess() {
  // The soft limit is kept low for programs that use select(); this one does not.
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  // By default glibc gives each thread an arena, each of which keeps at its top what a large model
  // left there: malloc_trim() reaches the top of the first arena only. Requests share one at no
  // cost: in steady state they allocate nothing that a thread's own cache does not hold.
  mallopt(M_ARENA_MAX, 1);
}

// Waits for the initial loads, a signal or the limit, whichever is first. True: a signal came.
bool WaitUntilLoaded(const ModelServer& server, ShutdownSignals& signals) {
  while (!server.manager().AllInitialLoadsDone()) {
    if (signals.Wait(2ms)) return true;
  }
  return false;
}

}  // namespace

void ServeCommand::Configure(CLI::App& app) {
  app.add_option("source", sources_, "Model files, repository directories or a configuration file")
      ->type_name("SRC");
  app.add_option("--config", config_file_, "Configuration file (YAML or JSON)")->type_name("FILE");
  app.add_flag("--print-config", print_config_,
               "Print the whole configuration with its comments, and end");
  app.add_option("--listen", listen_,
                 "[http=|https=]HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated (default "
                 "127.0.0.1:8000)")
      ->type_name("ADDR");
  app.add_option("--allowed-host", allowed_hosts_,
                 "Name by which clients may call this server, beside addresses and private names; "
                 "may be repeated")
      ->type_name("NAME");
  app.add_flag("--insecure", insecure_, "Allow addresses beyond loopback without authentication");
  app.add_flag("--shared-memory", shared_memory_,
               "Tensors in system shared memory, for clients on this host");
  const auto field = [&](const char* flag, const char* name, const char* type, const char* help) {
    app.add_option_function<std::string>(
           flag, [this, name](const std::string& value) { overrides_.emplace_back(name, value); },
           help)
        ->type_name(type);
  };
  field("--tls-cert", "tls.cert", "FILE", "Certificate and its chain (PEM): speak TLS");
  field("--tls-key", "tls.key", "FILE", "Its private key (PEM)");
  field("--tls-client-ca", "tls.client_ca", "FILE",
        "Only clients with a certificate of these authorities (PEM)");
  field("--name", "name", "NAME", "Name of the model, when one file is served");
  field("--control", "control", "MODE", "watch: follow the files; explicit: only the API changes");
  field("--load", "load", "NAMES", "Models to load at start: all, none, or names with commas");
  field("--version-policy", "version_policy", "POLICY", "latest:N, all, or specific:1,3");
  field("--memory", "memory_budget", "SIZE", "Memory for models, such as 8GiB");
  field("--io-threads", "io_threads", "N", "Threads that serve connections");
  field("--provider", "provider", "NAME", "Execution provider: cpu, cuda, tensorrt, openvino, ...");
  field("--intra-op-threads", "intra_op_threads", "N", "Threads inside one operator");
  field("--isolation", "isolation", "MODE", "none, or process: each model in a process of its own");
  field("--settle", "settle", "TIME", "How long files must rest before they are loaded");
  field("--drain-delay", "drain.delay", "TIME", "Keep accepting after SIGTERM for this long");
  field("--log-level", "log.level", "LEVEL", "debug, info, warn, error or off");
  field("--log-format", "log.format", "FORMAT", "human or json");
}

base::Status ServeCommand::Run() {
  SLIPWAY_RETURN_IF_ERROR(SplitSources());
  SLIPWAY_ASSIGN_OR_RETURN(ServerConfig config, Configuration());
  if (print_config_) {
    context_.out << base::PrintConfig(config.Fields());
    return base::OkStatus();
  }
  SLIPWAY_RETURN_IF_ERROR(config.Validate());
  return Serve(config);
}

base::Status ServeCommand::SplitSources() {
  for (const std::string& source : sources_) {
    if (!IsConfigFile(source)) {
      models_.push_back(source);
    } else if (config_file_.empty()) {
      config_file_ = source;
    } else {
      return base::InvalidArgument(
          StrCat("two configuration files: '", config_file_, "' and '", source, "'; expected one"));
    }
  }
  return base::OkStatus();
}

base::Result<ServerConfig> ServeCommand::Configuration() const {
  constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
  ServerConfig config;
  if (!config_file_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text,
                             context_.fs.Read(config_file_, kMaxConfigBytes));
    SLIPWAY_ASSIGN_OR_RETURN(const base::ConfigValue document,
                             base::ParseConfig(text, config_file_));
    SLIPWAY_RETURN_IF_ERROR(base::ReadConfig(document, config.Fields()));
  }
  if (!models_.empty()) config.models = models_;
  SLIPWAY_RETURN_IF_ERROR(ApplyFlags(config));
  return config;
}

base::Status ServeCommand::ApplyFlags(ServerConfig& config) const {
  const std::vector<base::ConfigField> fields = config.Fields();
  for (const auto& [name, value] : overrides_) {
    const auto field = std::ranges::find(fields, name, &base::ConfigField::path);
    SLIPWAY_RETURN_IF_ERROR(field->set(base::ConfigValue::Scalar(value, StrCat("flag ", name))));
  }
  // The flag alone is enough to ask; a configuration file may ask more softly.
  const bool asks =
      std::ranges::any_of(overrides_, [](const auto& one) { return one.first == "tls.client_ca"; });
  if (asks && config.tls.client_auth == "none") config.tls.client_auth = "required";
  if (!listen_.empty()) config.listen = listen_;
  if (!allowed_hosts_.empty()) config.allowed_hosts = allowed_hosts_;
  config.insecure = config.insecure || insecure_;
  config.shared_memory.enabled = config.shared_memory.enabled || shared_memory_;
  return base::OkStatus();
}

base::Status ServeCommand::Serve(const ServerConfig& config) {
  const bool can_reload = config.tls.enabled() || !config_file_.empty();
  ShutdownSignals signals(can_reload ? ShutdownSignals::Hangup::kReport
                                     : ShutdownSignals::Hangup::kLeave);
  PrepareProcess();
  base::Logger log(
      {.level = config.log_level, .format = config.log_format, .file = config.log_file});
  SLIPWAY_ASSIGN_OR_RETURN(
      const auto server,
      ModelServer::Start(config, {.clock = context_.clock, .fs = context_.fs, .log = log}));
  if (!WaitUntilLoaded(*server, signals)) {
    PrintBanner(*server);
    while (!signals.Wait(1h)) {
      if (signals.TakeHangup()) server->Reload(Configuration());
    }
  }
  log.Info("draining", {{"delay_ms", config.drain_delay / 1ms}});
  server->BeginShutdown();
  if (config.drain_delay > 0ns && signals.Wait(config.drain_delay)) return base::OkStatus();
  server->BeginDrain();
  const base::SteadyTime give_up = context_.clock.SteadyNow() + config.drain_timeout;
  while (!server->WaitDrained(20ms)) {
    if (signals.Wait(1ms)) break;
    if (context_.clock.SteadyNow() >= give_up) {
      log.Warn("drain timeout passed, closing what is open");
      break;
    }
  }
  log.Info("stopped");
  return base::OkStatus();
}

void ServeCommand::PrintBanner(const ModelServer& server) const {
  std::ostream& out = context_.out;
  const std::string url = server.addresses().front().url();
  const auto snapshot = server.snapshot();
  out << "slipway " << SlipwayVersion() << " is serving\n";
  for (const auto& model : snapshot->models()) {
    for (const lifecycle::ModelHandle& version : model.versions) {
      out << "  " << model.name << " version " << version->id().version << "  ";
      const tensor::Signature& signature = version->engine().signature();
      for (const tensor::TensorSpec& input : signature.inputs) {
        out << input.name << " " << input << " ";
      }
      out << "->";
      for (const tensor::TensorSpec& output : signature.outputs) {
        out << " " << output.name << " " << output;
      }
      out << "\n";
    }
  }
  for (const auto& failure : server.manager().initial_loads().failed) {
    out << "  " << failure.model << " FAILED: " << failure.status.message() << "\n";
  }
  for (const net::ListenAddress& one : server.addresses()) {
    out << "at " << one.url() << "\n";
  }
  if (!snapshot->models().empty()) {
    out << "try it:\n  " << CurlExample(server.CurlTarget(), snapshot->models().front().latest())
        << "\n";
  }
  out << "metrics: " << url << "/metrics   stop: Ctrl-C" << "\n" << std::flush;
}

}  // namespace slipway::app

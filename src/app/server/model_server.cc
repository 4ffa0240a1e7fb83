#include "app/server/model_server.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "app/console/version.h"
#include "app/engines/engines.h"
#include "app/server/cache_directory.h"
#include "app/server/metrics_page.h"
#include "app/server/model_control.h"
#include "app/server/request_mux.h"
#include "app/server/triton_config.h"
#include "app/server/warmup_request.h"
#include "base/check.h"
#include "base/joined.h"
#include "base/processors.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/open_source.h"

namespace slipway::app {
namespace {

using base::Joined;
using base::StrCat;

constexpr size_t kMaxIoThreads = 8;

size_t Processors(const ModelServer::Services& services) {
  return static_cast<size_t>(base::UsableProcessors(services.fs));
}

lifecycle::InitialSelection ParseSelection(const std::string& text) {
  lifecycle::InitialSelection selection;
  if (text == "all") return selection;
  selection.all = false;
  if (text == "none") return selection;
  std::istringstream names(text);
  for (std::string name; std::getline(names, name, ',');) selection.names.insert(name);
  return selection;
}

}  // namespace

class ModelServer::State final : public frontend::ServerState {
 public:
  State(const lifecycle::Manager& manager, std::string backend)
      : manager_(manager), version_(SlipwayVersion()), backend_(std::move(backend)) {}

  bool live() const override { return true; }
  bool ready() const override { return !stopping_ && manager_.AllInitialLoadsDone(); }
  bool draining() const override { return stopping_; }
  const std::string& name() const override { return name_; }
  const std::string& version() const override { return version_; }
  const std::string& backend() const override { return backend_; }
  void Stop() { stopping_ = true; }

 private:
  const lifecycle::Manager& manager_;
  const std::string name_ = "slipway";
  const std::string version_;
  const std::string backend_;
  std::atomic<bool> stopping_ = false;
};

ModelServer::ModelServer(const ServerConfig& config, const Services& services)
    : config_(config),
      running_(config),
      settings_(config.model, config.own),
      services_(services),
      io_threads_(config.io_threads > 0 ? static_cast<size_t>(config.io_threads)
                                        : std::min(Processors(services), kMaxIoThreads)),
      tracer_(config.trace.file, config.trace.settings, services.log),
      browser_guard_(config.allowed_hosts, /*any_host=*/!config.local_and_plain()),
      warmup_(services.fs, DecodeWarmupRequest),
      sequences_(
          services.clock,
          [this](std::string_view model) { return publisher_.Current()->Find(model) != nullptr; }),
      request_bytes_(config.limits.max_buffered_bytes) {}

// Sequences hold versions, for which the manager would wait.
ModelServer::~ModelServer() {
  server_.reset();
  sequences_.Close();
}

base::Result<std::unique_ptr<ModelServer>> ModelServer::Start(const ServerConfig& config,
                                                              const Services& services) {
  SLIPWAY_RETURN_IF_ERROR(config.Validate());
  std::unique_ptr<ModelServer> server(new ModelServer(config, services));
  SLIPWAY_RETURN_IF_ERROR(server->Open());
  return server;
}

base::Status ModelServer::Open() {
  SLIPWAY_ASSIGN_OR_RETURN(factory_,
                           MakeServingFactory(services_.fs, services_.clock, services_.log));
  SLIPWAY_RETURN_IF_ERROR(MakeSource());

  WarnOfUnknownModels();
  profiles_ = OpenProfileStore(config_.cache_dir, services_.fs,
                               StrCat(factory_->version(), ", slipway ", SlipwayVersion()));
  observer_ = std::make_unique<inference::RuntimeObserver>(
      [this](const lifecycle::LoadedModel& model) {
        return SettingsOf(model).ToRuntime(Processors(services_), io_threads_);
      },
      services_.clock, services_.log, &sequences_, profiles_.get());

  lifecycle::ManagerOptions options;
  options.mode = config_.control == "explicit" ? lifecycle::ControlMode::kExplicit
                                               : lifecycle::ControlMode::kWatch;
  options.load = ParseSelection(config_.load);
  SLIPWAY_ASSIGN_OR_RETURN(options.default_policy,
                           lifecycle::VersionPolicy::Parse(config_.version_policy));
  options.memory_budget_bytes = config_.memory_budget_bytes;
  options.watch.settle = config_.settle;
  SLIPWAY_RETURN_IF_ERROR(options.Validate());
  manager_ = std::make_unique<lifecycle::Manager>(
      lifecycle::Manager::Services{.fs = services_.fs,
                                   .clock = services_.clock,
                                   .log = services_.log,
                                   .factory = *factory_,
                                   .source = *source_,
                                   .publisher = publisher_,
                                   .observer = observer_.get(),
                                   .listener = lifecycle_metrics_.Listener(),
                                   .warmup = &warmup_},
      options);
  state_ = std::make_unique<State>(*manager_, factory_->name());
  control_ = std::make_unique<ManagerModelControl>(
      *manager_, [this](std::string_view name) { return settings_.For(name); },
      Processors(services_));
  if (config_.shared_memory.enabled) {
    shared_memory_ = std::make_unique<frontend::SharedMemoryRegistry>(
        config_.shared_memory.ToOptions(config_.limits), request_bytes_);
  }
  SLIPWAY_RETURN_IF_ERROR(StartNetwork());
  return manager_->Start();
}

ModelSettings ModelServer::SettingsOf(const lifecycle::LoadedModel& model) const {
  const std::string& sent = model.config().override_json;
  ModelSettings settings = settings_.For(model.id().name);
  if (sent.empty()) return settings;
  const auto config = ReadTritonConfig(sent);
  SLIPWAY_CHECK(config.ok());  // the load call that sent it was taken
  const auto applied = config->Applied(settings);
  // It was taken with the settings of that time, and now there may be others.
  return applied.ok() ? *applied : settings;
}

base::Status ModelServer::MakeSource() {
  SLIPWAY_ASSIGN_OR_RETURN(
      source_, lifecycle::OpenSources(services_.fs, {config_.models.begin(), config_.models.end()},
                                      config_.name, [this](std::string_view model) {
                                        return settings_.For(model).ToConfig(Processors(services_));
                                      }));
  return base::OkStatus();
}

// They may come later, so this is no error.
void ModelServer::WarnOfUnknownModels() const {
  const std::vector<std::string> names = settings_.names();
  if (names.empty()) return;
  const auto listing = source_->List();
  if (!listing.ok()) return;  // the manager will say so
  std::vector<std::string_view> known;
  for (const lifecycle::SourceModel& model : listing->models) known.emplace_back(model.name);
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    services_.log.Warn("model_settings name a model that is not there",
                       {{"model", name}, {"nearest", base::NearestName(name, known)}});
  }
}

base::Status ModelServer::StartNetwork() {
  net::Server::Options options;
  options.io_threads = io_threads_;
  options.limits = config_.limits;
  options.budget = &request_bytes_;
  if (config_.tls.enabled()) {
    SLIPWAY_ASSIGN_OR_RETURN(const net::TlsContext::Options tls, config_.tls.ToOptions());
    auto context = net::TlsContext::Create(
        tls, {.fs = services_.fs, .clock = services_.clock, .log = services_.log});
    if (!context.ok()) return context.status().WithContext("tls");
    tls_ = *std::move(context);
    options.tls = tls_.get();
  }
  for (const std::string& text : config_.listen) {
    SLIPWAY_ASSIGN_OR_RETURN(net::ListenAddress address, net::ListenAddress::Parse(text));
    options.listen.push_back(std::move(address));
  }
  SLIPWAY_ASSIGN_OR_RETURN(server_,
                           net::Server::Start(
                               options, [this](net::EventLoop& loop) { return MakeHandler(loop); },
                               services_.clock, services_.log));
  return base::OkStatus();
}

std::unique_ptr<net::HttpHandler> ModelServer::MakeHandler(net::EventLoop& loop) {
  auto render = [this] {
    return RenderMetrics({.publisher = publisher_,
                          .manager = *manager_,
                          .lifecycle = lifecycle_metrics_,
                          .net_stats = [this] { return server_->stats(); },
                          .tls = tls_.get(),
                          .tracer = tracer_,
                          .config_reloads = reloads_,
                          .refused_config_reloads = refused_reloads_});
  };
  return std::make_unique<RequestMux>(RequestMux::Services{.publisher = publisher_,
                                                           .control = *control_,
                                                           .state = *state_,
                                                           .loop = loop,
                                                           .clock = services_.clock,
                                                           .log = services_.log,
                                                           .shard = handlers_made_++,
                                                           .guard = browser_guard_,
                                                           .shared_memory = shared_memory_.get(),
                                                           .client_header = config_.client_header,
                                                           .tracer = tracer_},
                                      std::move(render));
}

std::string ModelServer::CurlTarget() const {
  const net::ListenAddress address = addresses().front();
  if (address.unix_socket())
    return StrCat("--unix-socket ", address.text.substr(5), " http://localhost");
  if (address.scheme != net::ListenAddress::Scheme::kHttps) return address.url();
  std::string options = StrCat("--cacert ", config_.tls.cert, " ");
  if (config_.tls.client_auth == "required") options += "--cert CLIENT.pem --key CLIENT.key ";
  const size_t colon = address.text.rfind(':');
  const std::string port = address.text.substr(colon);
  std::string host = address.text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const std::string name = tls_->NameFor(host);
  if (name == host) return options + address.url();
  return StrCat(options, "--connect-to ", name, port, ":", address.text, " https://", name, port);
}

void ModelServer::Reload(const base::Result<ServerConfig>& wanted) {
  base::Status status = wanted.ok() ? wanted->Validate() : wanted.status();
  if (status.ok() && tls_ != nullptr) status = tls_->Reload();
  if (!status.ok()) {
    ++refused_reloads_;
    services_.log.Error("nothing is reloaded: mend this and send SIGHUP again",
                        {{"reason", status.message()}});
    return;
  }
  ++reloads_;
  ApplyChange(CompareConfigs(running_, *wanted));
}

void ModelServer::ApplyChange(ConfigChange change) {
  const std::string changed = change.applied.empty() ? "nothing" : Joined(change.applied, " ");
  services_.log.Info("configuration reloaded", {{"changed", changed}});
  if (!change.waiting.empty()) {
    services_.log.Warn("fields that hold only from the next start on have changed, too",
                       {{"fields", Joined(change.waiting, " ")}});
  }
  const ServerConfig before = std::exchange(running_, std::move(change.next));
  // What clients have set holds until the file says something else.
  if (before.log_level != running_.log_level) services_.log.set_level(running_.log_level);
  const monitor::TraceSettings& trace = running_.trace.settings;
  if (before.trace.settings != trace) {
    const base::Status traced = tracer_.Change("", {.timestamps = trace.timestamps,
                                                    .rate = trace.rate,
                                                    .count = trace.count,
                                                    .log_frequency = trace.log_frequency});
    if (!traced.ok()) services_.log.Warn("what is traced stays", {{"reason", traced.message()}});
  }
  if (!change.models()) return;
  settings_.Set(running_.model, running_.own);
  WarnOfUnknownModels();
  manager_->ConfigsChanged();
  if (manager_->mode() == lifecycle::ControlMode::kWatch) return;
  const auto snapshot = publisher_.Current();
  for (const lifecycle::Snapshot::Model& model : snapshot->models()) {
    const bool same = before.own.For(model.name, before.model).Print() ==
                      running_.own.For(model.name, running_.model).Print();
    if (!same) LoadAgain(model);
  }
}

// As it was asked for, and no other versions than are there.
void ModelServer::LoadAgain(const lifecycle::Snapshot::Model& model) {
  lifecycle::VersionPolicy ready{.kind = lifecycle::VersionPolicy::Kind::kSpecific};
  for (const lifecycle::ModelHandle& one : model.versions) {
    ready.versions.push_back(one->id().version);
  }
  if (model.latest().from_request()) {
    services_.log.Warn("a model keeps its old settings: load it again, with its files",
                       {{"model", model.name}});
    return;
  }
  const auto done = [this, name = model.name](const base::Status& status) {
    if (status.ok()) return;
    services_.log.Error("a model was not loaded with its new settings; the old ones hold",
                        {{"model", name}, {"reason", status.message()}});
  };
  auto request = ToLoadRequest(
      {.name = model.name, .config_json = model.latest().config().override_json, .files = {}},
      settings_.For(model.name), Processors(services_));
  if (!request.ok()) return done(request.status());
  request->policy = std::move(ready);
  manager_->Load(*std::move(request), done);
}

void ModelServer::BeginShutdown() {
  state_->Stop();
  server_->BeginClosing();
}

}  // namespace slipway::app

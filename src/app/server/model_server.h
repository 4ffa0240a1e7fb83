#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/server/browser_guard.h"
#include "app/server/config_change.h"
#include "app/server/lifecycle_metrics.h"
#include "app/server/live_settings.h"
#include "app/server/server_config.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "engine/engine.h"
#include "frontend/server_state.h"
#include "frontend/shared_memory_registry.h"
#include "inference/profile_store.h"
#include "inference/runtime_observer.h"
#include "inference/sequence_keeper.h"
#include "lifecycle/manager.h"
#include "lifecycle/recorded_warmup.h"
#include "lifecycle/source.h"
#include "monitor/request_tracer.h"
#include "net/buffer_pool.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "net/tls_context.h"

namespace slipway::app {

class ManagerModelControl;

// A whole server in one object: engine, manager, front ends and network, wired by a ServerConfig.
//
//   SLIPWAY_ASSIGN_OR_RETURN(auto server, ModelServer::Start(config, services));
//   ... server->BeginDrain(); server->WaitDrained(30s); ...
//
// Thread-safe but for the destructor. Two servers can live in one process.
class ModelServer {
 public:
  // All outlive the server.
  struct Services {
    base::Clock& clock;
    const base::FileSystem& fs;
    base::Logger& log;
  };

  // Opens the listeners first, not ready, then begins to load. kInvalidArgument (configuration),
  // kNotFound (no such model file), kFailedPrecondition (address taken).
  static base::Result<std::unique_ptr<ModelServer>> Start(const ServerConfig& config,
                                                          const Services& services);
  ~ModelServer();

  std::vector<net::ListenAddress> addresses() const { return server_->addresses(); }
  // What curl needs to reach the first of them: options, and the URL.
  std::string CurlTarget() const;
  // Reads certificate and key again, and takes what is new in `wanted` as far as a running server
  // can (CompareConfigs()): models whose settings changed are loaded again, and swapped in. With an
  // error in either nothing changes. What comes of it is in the log. One call at a time.
  void Reload(const base::Result<ServerConfig>& wanted);
  const lifecycle::Manager& manager() const { return *manager_; }
  std::shared_ptr<const lifecycle::Snapshot> snapshot() const { return publisher_.Current(); }

  // Readiness turns false at once; everything is still served, and answers ask clients to reconnect
  // elsewhere.
  void BeginShutdown();
  // Connections end after their current answers, no new ones are taken.
  void BeginDrain() { server_->BeginDrain(); }
  bool WaitDrained(std::chrono::milliseconds limit) { return server_->WaitDrained(limit); }

 private:
  class State;
  ModelServer(const ServerConfig& config, const Services& services);
  base::Status Open();
  base::Status MakeSource();
  void WarnOfUnknownModels() const;
  // With what the load call said that brought it.
  ModelSettings SettingsOf(const lifecycle::LoadedModel& model) const;
  base::Status StartNetwork();
  void ApplyChange(ConfigChange change);
  void LoadAgain(const lifecycle::Snapshot::Model& model);
  std::unique_ptr<net::HttpHandler> MakeHandler(net::EventLoop& loop);

  const ServerConfig config_;  // as at the start
  ServerConfig running_;       // with what Reload() has changed
  LiveSettings settings_;
  std::atomic<uint64_t> reloads_ = 0;
  std::atomic<uint64_t> refused_reloads_ = 0;
  const Services services_;
  const size_t io_threads_;
  monitor::RequestTracer tracer_;
  const BrowserGuard browser_guard_;
  // Each uses what stands above it, and is destroyed before it.
  std::unique_ptr<engine::EngineFactory> factory_;
  std::unique_ptr<lifecycle::Source> source_;
  const lifecycle::RecordedWarmup warmup_;
  lifecycle::SnapshotPublisher publisher_;
  LifecycleMetrics lifecycle_metrics_;
  inference::SequenceKeeper sequences_;
  std::unique_ptr<inference::ProfileStore> profiles_;  // null: none is kept
  std::unique_ptr<inference::RuntimeObserver> observer_;
  std::unique_ptr<lifecycle::Manager> manager_;
  std::unique_ptr<State> state_;
  std::unique_ptr<ManagerModelControl> control_;
  std::unique_ptr<net::TlsContext> tls_;  // null: no TLS
  net::ByteBudget request_bytes_;
  std::unique_ptr<frontend::SharedMemoryRegistry> shared_memory_;  // null: off
  size_t handlers_made_ = 0;
  std::unique_ptr<net::Server> server_;
};

}  // namespace slipway::app

#pragma once

#include <string>

#include "app/server/lifecycle_metrics.h"
#include "lifecycle/manager.h"
#include "lifecycle/snapshot_publisher.h"
#include "monitor/request_tracer.h"
#include "net/server.h"
#include "net/tls_context.h"

namespace slipway::app {

// What /metrics is made from. All must outlive the page.
struct MetricsSources {
  const lifecycle::SnapshotPublisher& publisher;
  const lifecycle::Manager& manager;
  const LifecycleMetrics& lifecycle;
  std::function<net::ServerStats()> net_stats;
  const net::TlsContext* tls = nullptr;  // null: no TLS
  const monitor::RequestTracer& tracer;
  uint64_t config_reloads = 0;
  uint64_t refused_config_reloads = 0;
};

// The whole exposition in the Prometheus text format; docs/metrics.md lists the families. Takes
// microseconds per model version. Thread-safe.
std::string RenderMetrics(const MetricsSources& sources);

}  // namespace slipway::app

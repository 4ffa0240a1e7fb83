#include "app/server/metrics_page.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/console/version.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "inference/model_runtime.h"
#include "monitor/metrics_text.h"
#include "monitor/model_stats.h"
#include "monitor/process_stats.h"

namespace slipway::app {
namespace {

using monitor::MetricsText;
using monitor::MetricType;
using monitor::ModelStats;

// One ready model version with its numbers, read once so that all families agree.
struct Row {
  std::string model;
  std::string version;
  ModelStats::Totals totals;
  size_t queue_depth = 0;
  bool overloaded = false;
  inference::BatchPlan plan = {};
  uint64_t estimated_bytes = 0;
  bool inline_lane = false;
  std::optional<uint64_t> restarts = {};                      // of models in processes of their own
  std::optional<inference::ResponseCache::Usage> cache = {};  // of models that have one
  // Of models with state, with the latest version.
  std::optional<inference::SequenceTable::Usage> sequences = {};
};

std::vector<Row> ReadRows(const lifecycle::Snapshot& snapshot) {
  std::vector<Row> rows;
  for (const auto& model : snapshot.models()) {
    for (const lifecycle::ModelHandle& version : model.versions) {
      inference::ModelRuntime& runtime = inference::ModelRuntime::Of(*version);
      rows.push_back({.model = base::Printable(model.name, SIZE_MAX),
                      .version = base::StrCat(version->id().version),
                      .totals = runtime.stats().Read(),
                      .queue_depth = runtime.queue().depth(),
                      .overloaded = runtime.queue().overloaded(),
                      .plan = runtime.queue().plan(),
                      .estimated_bytes = version->estimated_bytes(),
                      .inline_lane = runtime.LaneFor(1) == inference::LaneKind::kInline,
                      .restarts = version->engine().restarts()});
      if (runtime.cache() != nullptr) rows.back().cache = runtime.cache()->usage();
    }
    const auto* sequences = inference::ModelRuntime::Of(model.latest()).sequences();
    if (sequences != nullptr) rows.back().sequences = sequences->usage();
  }
  return rows;
}

void RenderRequests(const std::vector<Row>& rows, MetricsText& text) {
  text.Family("slipway_requests_total", MetricType::kCounter,
              "Requests that reached a model version, by outcome");
  for (const Row& row : rows) {
    for (size_t protocol = 0; protocol < monitor::kProtocolCount; ++protocol) {
      for (size_t code = 0; code < row.totals.requests[protocol].size(); ++code) {
        const uint64_t count = row.totals.requests[protocol][code];
        if (count == 0) continue;
        text.Sample({{"model", row.model},
                     {"version", row.version},
                     {"protocol", monitor::ProtocolName(static_cast<monitor::Protocol>(protocol))},
                     {"method", "infer"},
                     {"code", base::StatusCodeName(static_cast<base::StatusCode>(code))}},
                    count);
      }
    }
  }
}

void RenderHistogram(const std::vector<Row>& rows, MetricsText& text, std::string_view name,
                     std::string_view help,
                     monitor::Histogram::Counts ModelStats::Totals::* member) {
  text.Family(name, MetricType::kHistogram, help);
  for (const Row& row : rows) {
    text.HistogramSample({{"model", row.model}, {"version", row.version}}, row.totals.*member);
  }
}

void RenderPhases(const std::vector<Row>& rows, MetricsText& text) {
  text.Family("slipway_phase_duration_seconds", MetricType::kSummary,
              "Time of successful requests by phase: receive, queue, input, infer, output, send");
  for (const Row& row : rows) {
    for (size_t i = 0; i < monitor::kPhaseCount; ++i) {
      const ModelStats::Duration& phase = row.totals.phases[i];
      text.SummarySample({{"model", row.model},
                          {"version", row.version},
                          {"phase", monitor::PhaseName(static_cast<monitor::Phase>(i))}},
                         phase.count, static_cast<double>(phase.ns) * 1e-9);
    }
  }
}

void RenderBatches(const std::vector<Row>& rows, MetricsText& text) {
  constexpr std::array<int64_t, 9> kBounds = {1, 2, 4, 8, 16, 32, 64, 256, 1024};
  text.Family("slipway_batch_size", MetricType::kHistogram, "Batch items of one execution");
  for (const Row& row : rows) {
    text.CountHistogramSample({{"model", row.model}, {"version", row.version}}, kBounds,
                              [&row](const auto& add) {
                                for (const auto& [rows_of_run, size] : row.totals.batch_sizes) {
                                  add(rows_of_run, size.executions);
                                }
                              });
  }
}

template <typename Get>
void RenderPerVersion(const std::vector<Row>& rows, MetricsText& text, std::string_view name,
                      MetricType type, std::string_view help, Get get) {
  text.Family(name, type, help);
  for (const Row& row : rows) {
    text.Sample({{"model", row.model}, {"version", row.version}}, get(row));
  }
}

void RenderPlans(const std::vector<Row>& rows, MetricsText& text) {
  RenderPerVersion(
      rows, text, "slipway_model_batch_window_seconds", MetricType::kGauge,
      "How long a batch of the queue that is not full waits for more",
      [](const Row& row) { return std::chrono::duration<double>(row.plan.window).count(); });
  RenderPerVersion(rows, text, "slipway_model_batch_rows_limit", MetricType::kGauge,
                   "Batch items that one execution of the queue may have",
                   [](const Row& row) { return row.plan.max_rows; });
  RenderPerVersion(rows, text, "slipway_model_queue_threads", MetricType::kGauge,
                   "Threads that take batches from the queue while less than a full one waits",
                   [](const Row& row) { return static_cast<uint64_t>(row.plan.threads); });
}

template <typename Member>
std::vector<Row> RowsWith(const std::vector<Row>& all, Member member) {
  std::vector<Row> rows;
  std::ranges::copy_if(all, std::back_inserter(rows),
                       [member](const Row& row) { return (row.*member).has_value(); });
  return rows;
}

void RenderWorkers(const std::vector<Row>& all, MetricsText& text) {
  const std::vector<Row> rows = RowsWith(all, &Row::restarts);
  if (rows.empty()) return;
  RenderPerVersion(rows, text, "slipway_worker_restarts_total", MetricType::kCounter,
                   "How often the model's process died and was started again",
                   [](const Row& row) { return *row.restarts; });
}

void RenderSequences(const std::vector<Row>& all, MetricsText& text) {
  const std::vector<Row> rows = RowsWith(all, &Row::sequences);
  if (rows.empty()) return;
  text.Family("slipway_sequences", MetricType::kGauge, "Sequences whose state is kept");
  for (const Row& row : rows) {
    if (const auto& usage = row.sequences) text.Sample({{"model", row.model}}, usage->live);
  }
  text.Family("slipway_sequences_evicted_total", MetricType::kCounter,
              "Sequences that were forgotten because they were idle for too long");
  for (const Row& row : rows) {
    if (const auto& usage = row.sequences) text.Sample({{"model", row.model}}, usage->evicted);
  }
}

void RenderCaches(const std::vector<Row>& all, MetricsText& text) {
  const std::vector<Row> rows = RowsWith(all, &Row::cache);
  if (rows.empty()) return;
  text.Family(
      "slipway_cache_requests_total", MetricType::kCounter,
      "Requests that an answer was looked for: hit, miss (the model ran), or shared (it ended "
      "with an equal one that ran)");
  for (const Row& row : rows) {
    const auto sample = [&](std::string_view result, uint64_t count) {
      text.Sample({{"model", row.model}, {"version", row.version}, {"result", result}}, count);
    };
    sample("hit", row.totals.cache_hit.count);
    sample("miss", row.totals.cache_miss.count);
    sample("shared", row.totals.cache_shared);
  }
  RenderPerVersion(rows, text, "slipway_cache_evictions_total", MetricType::kCounter,
                   "Answers that made room for others",
                   [](const Row& row) { return row.cache->evictions; });
  RenderPerVersion(rows, text, "slipway_cache_entries", MetricType::kGauge, "Answers that are kept",
                   [](const Row& row) { return row.cache->entries; });
  RenderPerVersion(rows, text, "slipway_cache_bytes", MetricType::kGauge,
                   "Memory of the answers that are kept",
                   [](const Row& row) { return row.cache->bytes; });
}

void RenderStates(const lifecycle::Manager& manager, MetricsText& text) {
  text.Family("slipway_model_state", MetricType::kGauge,
              "1 for the state that a known model version is in");
  for (const lifecycle::ModelStatus& model : manager.Index()) {
    for (const lifecycle::VersionStatus& version : model.versions) {
      text.Sample({{"model", base::Printable(model.name, SIZE_MAX)},
                   {"version", base::StrCat(version.version)},
                   {"state", lifecycle::ModelStateName(version.state)}},
                  uint64_t{1});
    }
  }
}

void RenderLifecycle(const LifecycleMetrics& lifecycle, MetricsText& text) {
  const auto counts = lifecycle.Read();
  const auto family = [&](std::string_view name, std::string_view help,
                          uint64_t LifecycleMetrics::Counts::* member) {
    text.Family(name, MetricType::kCounter, help);
    for (const auto& [model, count] : counts) text.Sample({{"model", model}}, count.*member);
  };
  using Counts = LifecycleMetrics::Counts;
  family("slipway_model_loads_total", "Model versions that became ready", &Counts::loads);
  family("slipway_model_load_failures_total", "Model versions that failed to load",
         &Counts::load_failures);
  family("slipway_model_unloads_total", "Model versions whose memory was given back",
         &Counts::unloads);
  text.Family("slipway_model_load_duration_seconds", MetricType::kSummary,
              "Time from the start of a load until the version is ready");
  for (const auto& [model, count] : counts) {
    text.SummarySample({{"model", model}}, count.loads, static_cast<double>(count.load_ns) * 1e-9);
  }
}

void RenderNet(const net::ServerStats& stats, MetricsText& text) {
  const auto one = [&](std::string_view name, MetricType type, std::string_view help,
                       uint64_t value) {
    text.Family(name, type, help);
    text.Sample({}, value);
  };
  one("slipway_connections", MetricType::kGauge, "Open connections", stats.connections_open);
  one("slipway_connections_accepted_total", MetricType::kCounter, "Connections accepted",
      stats.connections_accepted);
  one("slipway_connections_refused_total", MetricType::kCounter,
      "Connections refused by a limit or for lack of descriptors", stats.connections_refused);
  one("slipway_http_requests_total", MetricType::kCounter, "Requests that reached a handler",
      stats.requests);
  one("slipway_protocol_errors_total", MetricType::kCounter,
      "Requests refused because they broke the protocol or a limit", stats.protocol_errors);
  one("slipway_connection_timeouts_total", MetricType::kCounter,
      "Connections closed because the client was too slow", stats.timeouts);
  one("slipway_received_bytes_total", MetricType::kCounter, "Bytes received", stats.bytes_received);
  one("slipway_sent_bytes_total", MetricType::kCounter, "Bytes sent", stats.bytes_sent);
  one("slipway_request_buffer_bytes", MetricType::kGauge, "Bytes held in request buffers",
      stats.buffered_bytes);
}

void RenderTls(const net::ServerStats& net, const net::TlsContext::Stats& tls, MetricsText& text) {
  text.Family("slipway_tls_handshakes_total", MetricType::kCounter, "TLS handshakes, by outcome");
  text.Sample({{"result", "full"}}, net.tls_handshakes);
  text.Sample({{"result", "resumed"}}, net.tls_resumed);
  text.Sample({{"result", "failed"}}, net.tls_failures);
  text.Family("slipway_tls_reloads_total", MetricType::kCounter,
              "Times that certificate and key were read again, by outcome");
  text.Sample({{"result", "ok"}}, tls.reloads);
  text.Sample({{"result", "refused"}}, tls.failed_reloads);
  text.Family("slipway_tls_certificate_expiry_timestamp_seconds", MetricType::kGauge,
              "End of the certificate in use, since the epoch");
  text.Sample({}, static_cast<uint64_t>(tls.certificate_expiry_seconds));
}

void RenderProcess(MetricsText& text) {
  const auto stats = monitor::ReadProcessStats();
  if (!stats.ok()) return;
  const auto one = [&](std::string_view name, MetricType type, std::string_view help, auto value) {
    text.Family(name, type, help);
    text.Sample({}, value);
  };
  one("process_cpu_seconds_total", MetricType::kCounter, "User and system CPU time",
      stats->cpu_seconds);
  one("process_resident_memory_bytes", MetricType::kGauge, "Resident memory",
      stats->resident_bytes);
  one("process_virtual_memory_bytes", MetricType::kGauge, "Virtual memory", stats->virtual_bytes);
  one("process_start_time_seconds", MetricType::kGauge, "Start of the process since the epoch",
      stats->start_time_seconds);
  one("process_open_fds", MetricType::kGauge, "Open file descriptors", stats->open_descriptors);
  one("process_max_fds", MetricType::kGauge, "Limit of open file descriptors",
      stats->max_descriptors);
  one("process_threads", MetricType::kGauge, "Threads", stats->threads);
}

}  // namespace

std::string RenderMetrics(const MetricsSources& sources) {
  const std::shared_ptr<const lifecycle::Snapshot> snapshot = sources.publisher.Current();
  const std::vector<Row> rows = ReadRows(*snapshot);
  using Totals = ModelStats::Totals;
  MetricsText text;
  text.Family("slipway_build_info", MetricType::kGauge, "1; the version is in the label");
  text.Sample({{"version", SlipwayVersion()}}, uint64_t{1});
  RenderRequests(rows, text);
  RenderHistogram(rows, text, "slipway_request_duration_seconds",
                  "Whole requests, from the first byte to the answer handed to the socket",
                  &Totals::latency);
  RenderHistogram(rows, text, "slipway_queue_duration_seconds",
                  "Time that successful requests waited for the engine", &Totals::queue);
  RenderHistogram(rows, text, "slipway_inference_duration_seconds",
                  "Time that successful requests spent inside the engine", &Totals::infer);
  RenderPhases(rows, text);
  RenderBatches(rows, text);
  RenderPerVersion(rows, text, "slipway_inference_rows_total", MetricType::kCounter,
                   "Batch items of successful requests that the model ran",
                   [](const Row& row) { return row.totals.rows; });
  RenderPerVersion(rows, text, "slipway_model_compute_seconds_total", MetricType::kCounter,
                   "Time inside the engine, each run once", [](const Row& row) {
                     uint64_t ns = 0;
                     for (const auto& [run_rows, size] : row.totals.batch_sizes)
                       ns += size.infer_ns;
                     return static_cast<double>(ns) * 1e-9;
                   });
  RenderPerVersion(rows, text, "slipway_queue_depth", MetricType::kGauge,
                   "Requests that wait for the engine",
                   [](const Row& row) { return static_cast<uint64_t>(row.queue_depth); });
  RenderPerVersion(rows, text, "slipway_model_overloaded", MetricType::kGauge,
                   "1 while more requests come than can be done, so that some are refused",
                   [](const Row& row) { return uint64_t{row.overloaded}; });
  RenderPerVersion(rows, text, "slipway_diverted_requests_total", MetricType::kCounter,
                   "Requests that overflow_model answered",
                   [](const Row& row) { return row.totals.diverted; });
  RenderPlans(rows, text);
  RenderPerVersion(rows, text, "slipway_inflight_requests", MetricType::kGauge,
                   "Requests that have no answer yet",
                   [](const Row& row) { return row.totals.in_flight; });
  RenderPerVersion(rows, text, "slipway_model_memory_bytes", MetricType::kGauge,
                   "Memory that the version is estimated to take",
                   [](const Row& row) { return row.estimated_bytes; });
  RenderPerVersion(rows, text, "slipway_model_inline", MetricType::kGauge,
                   "1 when single rows run on the IO threads, 0 when they queue",
                   [](const Row& row) { return uint64_t{row.inline_lane}; });
  RenderCaches(rows, text);
  RenderSequences(rows, text);
  RenderWorkers(rows, text);
  RenderStates(sources.manager, text);
  RenderLifecycle(sources.lifecycle, text);
  const net::ServerStats net = sources.net_stats();
  RenderNet(net, text);
  text.Family("slipway_config_reloads_total", MetricType::kCounter,
              "Times that SIGHUP had the configuration read again, by outcome");
  text.Sample({{"result", "ok"}}, sources.config_reloads);
  text.Sample({{"result", "refused"}}, sources.refused_config_reloads);
  if (sources.tls != nullptr) RenderTls(net, sources.tls->stats(), text);
  if (!sources.tracer.file().empty()) {
    text.Family("slipway_traces_dropped_total", MetricType::kCounter,
                "Traces of requests that were not written");
    text.Sample({}, sources.tracer.dropped());
  }
  RenderProcess(text);
  return text.TakeText();
}

}  // namespace slipway::app

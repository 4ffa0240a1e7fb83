#include "app/bench/run.h"

#include <utility>

#include "app/bench/load.h"
#include "app/bench/meter.h"

namespace slipway::app {
namespace {

const char* ProtocolName(BenchProtocol protocol) {
  switch (protocol) {
    case BenchProtocol::kRest:
      return "rest";
    case BenchProtocol::kRestHttp2:
      return "rest-http2";
    case BenchProtocol::kGrpc:
      return "grpc";
  }
  return "";
}

}  // namespace

base::Result<SeenServer> FindServer(const BenchPlan& plan, int pid) {
  base::Result<ServerProcess> found =
      pid > 0 ? ServerProcess::OfPid(pid)
              : ServerProcess::ListeningAt(plan.streams.front().server.address);
  if (found.ok()) return SeenServer{.process = *std::move(found), .why_not = {}};
  if (pid > 0) return std::move(found).status().WithContext("--pid");
  return SeenServer{.process = std::nullopt, .why_not = found.status().message()};
}

base::Result<BenchReport> RunBench(const BenchPlan& plan, const SeenServer& server, bool progress,
                                   ShutdownSignals& signals, const CommandContext& context) {
  BenchReport report{.server = plan.server,
                     .protocol = ProtocolName(plan.streams.front().protocol),
                     .options = plan.load,
                     .no_server = server.why_not};
  BenchMeter meter(context.clock, server.process, plan.load.duration, signals,
                   progress ? &context.err : nullptr);
  LoadGenerator generator(plan.streams, plan.load, context.clock);
  report.measured_from =
      context.clock.SystemNow() +
      std::chrono::duration_cast<std::chrono::system_clock::duration>(plan.load.warmup);
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<LoadResult> results, generator.Run(meter));
  report.all = AllTogether(results);
  for (size_t i = 0; i < results.size(); ++i) {
    report.targets.push_back({.facts = plan.facts[i],
                              .concurrency = plan.streams[i].concurrency,
                              .outstanding = plan.streams[i].outstanding,
                              .arrivals = plan.streams[i].arrivals,
                              .result = std::move(results[i])});
  }
  report.cost = meter.server_cost();
  const double cpu_us = report.cost ? report.cost->cpu_us_per_request() : 0;
  for (TargetReport& target : report.targets) {
    const LatencyRecorder& latency = target.result.latency;
    target.rounds = {{.requests_per_s = target.result.answered_per_second(),
                      .p50_ms = Milliseconds(latency.Quantile(0.5)),
                      .p90_ms = Milliseconds(latency.Quantile(0.9)),
                      .p99_ms = Milliseconds(latency.Quantile(0.99)),
                      .cpu_us_per_request = cpu_us}};
  }
  if (!report.cost && report.no_server.empty()) report.no_server = "ended during the warm-up";
  report.client_cpu_share = meter.own_cpu_share();
  return report;
}

}  // namespace slipway::app

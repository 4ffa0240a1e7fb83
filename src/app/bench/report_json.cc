#include <nlohmann/json.hpp>

#include "app/bench/report.h"

namespace slipway::app {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

json LatencyJson(const LatencyRecorder& latency) {
  json out = {{"count", latency.count()},
              {"min", Milliseconds(latency.min())},
              {"mean", Milliseconds(latency.mean())},
              {"max", Milliseconds(latency.max())}};
  for (const QuantileName& q : kReportQuantiles) {
    out[q.name] = Milliseconds(latency.Quantile(q.share));
  }
  out["curve"] = json::array();  // for plots: [share, ms]
  for (const double share : {0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999,
                             0.9995, 0.9998, 0.9999}) {
    if (latency.count() == 0 || (1 - share) * static_cast<double>(latency.count()) < 1) break;
    out["curve"].push_back({share, Milliseconds(latency.Quantile(share))});
  }
  return out;
}

json LoadJson(const TargetReport& target, const LoadOptions& options) {
  const bool open = target.arrivals.open_loop();
  json load = {{"kind", open ? "open" : "closed"},
               {"concurrency", target.concurrency},
               {"outstanding", target.outstanding},
               {"connections", (target.concurrency + target.outstanding - 1) / target.outstanding},
               {"warmup_s", Seconds(options.warmup)},
               {"duration_s", Seconds(options.duration)}};
  if (open) {
    load["arrivals"] = ArrivalsText(target.arrivals);
    if (target.arrivals.rate > 0) load["rate_per_s"] = target.arrivals.rate;
    load["seed"] = options.seed;
  }
  return load;
}

json ErrorsJson(const LoadResult& result) {
  json errors = json::array();
  for (const auto& [kind, error] : result.errors) {
    errors.push_back({{"kind", kind}, {"count", error.count}, {"first", error.first}});
  }
  return errors;
}

json SlowestJson(const LoadResult& result) {
  json slowest = json::array();
  for (const SlowAnswer& slow : result.slowest) {
    slowest.push_back({{"due_s", Seconds(slow.due)},
                       {"latency_ms", Milliseconds(slow.latency)},
                       {"send_delay_ms", Milliseconds(slow.send_delay)}});
  }
  return slowest;
}

json MomentsJson(const LoadResult& result) {
  json moments = json::array();
  for (const LoadMoment& moment : result.moments) {
    moments.push_back({{"at_s", Seconds(moment.begin)},
                       {"length_s", Seconds(moment.length)},
                       {"answered", moment.answered},
                       {"failed", moment.failed},
                       {"p50", Milliseconds(moment.p50)},
                       {"p90", Milliseconds(moment.p90)},
                       {"p99", Milliseconds(moment.p99)},
                       {"max", Milliseconds(moment.max)}});
  }
  return moments;
}

// The part that a target and all of them together have alike.
json ResultJson(const LoadResult& result) {
  json out = {{"elapsed_s", Seconds(result.elapsed)},
              {"requests", result.requests},
              {"answered", result.answered},
              {"failed", result.failed()},
              {"unsent", result.unsent},
              {"unanswered", result.unanswered},
              {"errors", ErrorsJson(result)},
              {"requests_per_s", result.answered_per_second()},
              {"latency_ms", LatencyJson(result.latency)},
              {"slowest", SlowestJson(result)},
              {"bytes_sent", result.bytes_sent},
              {"bytes_received", result.bytes_received}};
  if (result.send_delay.count() > 0) {
    out["send_delay_ms"] = LatencyJson(result.send_delay);
    out["latency_without_send_delay_ms"] = LatencyJson(result.without_send_delay);
  }
  if (result.error_latency.count() > 0) out["error_latency_ms"] = LatencyJson(result.error_latency);
  if (!result.moments.empty()) out["moments"] = MomentsJson(result);
  return out;
}

void AddDistinct(const LoadResult& result, json& out) {
  json distinct = json::array();
  for (const DistinctAnswer& answer : result.distinct) {
    distinct.push_back({{"digest", answer.digest}, {"body", answer.body}, {"count", answer.count}});
  }
  out["distinct"] = distinct;
  out["other_distinct"] = result.other_distinct;
}

json RoundsJson(const TargetReport& target) {
  json rounds = json::array();
  for (const RoundFigures& round : target.rounds) {
    json figures = {{"requests_per_s", round.requests_per_s},
                    {"p50", round.p50_ms},
                    {"p90", round.p90_ms},
                    {"p99", round.p99_ms}};
    if (round.cpu_us_per_request > 0) figures["cpu_us_per_request"] = round.cpu_us_per_request;
    rounds.push_back(std::move(figures));
  }
  return rounds;
}

json TargetJson(const TargetReport& target, const BenchReport& report) {
  json out = ResultJson(target.result);
  out["name"] = target.facts.name;
  out["target"] = target.facts.target;
  out["format"] = target.facts.format;
  out["batch"] = target.facts.batch;
  out["request_bytes"] = target.facts.request_bytes;
  out["load"] = LoadJson(target, report.options);
  if (report.options.distinct_answers) AddDistinct(target.result, out);
  if (target.rounds.size() > 1) out["rounds"] = RoundsJson(target);
  return out;
}

json ServerJson(const BenchReport& report) {
  if (!report.cost) return {{"unknown", report.no_server}};
  const ServerCost& cost = *report.cost;
  json out = {{"pids", cost.pids},
              {"cpu_ms", Milliseconds(cost.cpu)},
              {"answers", cost.answers},
              {"cpu_cores", cost.cores()}};
  if (cost.answers > 0) out["cpu_us_per_request"] = cost.cpu_us_per_request();
  json moments = json::array();
  for (const CostMoment& moment : cost.moments) {
    moments.push_back({{"at_s", Seconds(moment.begin)},
                       {"length_s", Seconds(moment.length)},
                       {"cpu_ms", Milliseconds(moment.cpu)},
                       {"answers", moment.answers}});
  }
  out["moments"] = moments;
  return out;
}

}  // namespace

json ReportJson(const BenchReport& report) {
  // With one target its facts stand at the top, so that simple readers need no list.
  json out = report.targets.size() == 1 ? TargetJson(report.targets.front(), report)
                                        : ResultJson(report.all);
  if (report.targets.size() > 1) {
    out["targets"] = json::array();
    for (const TargetReport& target : report.targets) {
      out["targets"].push_back(TargetJson(target, report));
    }
  }
  out["url"] = report.server;
  out["protocol"] = report.protocol;
  out["interrupted"] = report.all.interrupted;
  out["measured_from_unix_s"] =
      std::chrono::duration<double>(report.measured_from.time_since_epoch()).count();
  out["rows_per_s"] = report.all.rows_per_second();
  out["server"] = ServerJson(report);
  out["client_cpu_cores"] = report.client_cpu_share;
  return out;
}

}  // namespace slipway::app

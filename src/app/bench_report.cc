#include "app/bench_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;
using nlohmann::json;
using std::chrono::nanoseconds;

struct Quantile {
  const char* name;
  double share;
};
constexpr std::array<Quantile, 5> kQuantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }
double Milliseconds(nanoseconds duration) { return Seconds(duration) * 1e3; }

double PerSecond(uint64_t count, nanoseconds elapsed) {
  return elapsed.count() > 0 ? static_cast<double>(count) / Seconds(elapsed) : 0;
}

double CpuPerRequestUs(const ServerCost& server) {
  return Seconds(server.cpu) * 1e6 / static_cast<double>(server.answers);
}

double CpuShare(const ServerCost& server) {
  return server.elapsed.count() > 0 ? Seconds(server.cpu) / Seconds(server.elapsed) : 0;
}

std::string Fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

// Whole numbers with thousands, small ones with two decimals.
std::string Rate(double per_second) {
  if (per_second < 100) return Fixed(per_second, 2);
  return WithThousands(static_cast<uint64_t>(per_second + 0.5));
}

json LatencyJson(const LatencyRecorder& latency) {
  json out = {{"count", latency.count()},
              {"min", Milliseconds(latency.min())},
              {"mean", Milliseconds(latency.mean())},
              {"max", Milliseconds(latency.max())}};
  for (const Quantile& q : kQuantiles) out[q.name] = Milliseconds(latency.Quantile(q.share));
  return out;
}

json LoadJson(const LoadOptions& options) {
  json load = {{"kind", options.rate > 0 ? "open" : "closed"},
               {"connections", options.connections},
               {"warmup_s", Seconds(options.warmup)},
               {"duration_s", Seconds(options.duration)}};
  if (options.rate > 0) {
    load["rate_per_s"] = options.rate;
    load["seed"] = options.seed;
  }
  return load;
}

json ServerJson(const BenchReport& report) {
  if (!report.server) return {{"unknown", report.no_server}};
  const ServerCost& server = *report.server;
  json out = {{"pids", server.pids},
              {"cpu_ms", Milliseconds(server.cpu)},
              {"answers", server.answers},
              {"cpu_cores", CpuShare(server)}};
  if (server.answers > 0) out["cpu_us_per_request"] = CpuPerRequestUs(server);
  return out;
}

using Rows = TableText;

void AddLatency(const LatencyRecorder& latency, Rows& rows) {
  std::string line =
      StrCat("min ", base::FormatDuration(latency.min()), "   mean ",
             base::FormatDuration(latency.mean()), "   max ", base::FormatDuration(latency.max()));
  rows.Add({"latency", line});
  line.clear();
  for (const Quantile& q : kQuantiles) {
    line += StrCat(line.empty() ? "" : "   ", q.name, " ",
                   base::FormatDuration(latency.Quantile(q.share)));
  }
  rows.Add({"", line});
}

void AddServer(const BenchReport& report, Rows& rows) {
  if (!report.server) {
    rows.Add({"server CPU", StrCat("not measured: ", report.no_server)});
    return;
  }
  const ServerCost& server = *report.server;
  std::string pids;
  for (const int pid : server.pids) pids += StrCat(pids.empty() ? "" : ", ", pid);
  if (server.answers > 0) {
    rows.Add({"server CPU", StrCat(Fixed(CpuPerRequestUs(server), 2), " us a request, ",
                                   Fixed(CpuShare(server), 2), " cores (process ", pids, ")")});
  }
}

void AddErrors(const LoadResult& result, Rows& rows) {
  for (const auto& [kind, error] : result.errors) {
    rows.Add({"error", StrCat(WithThousands(error.count), " x ", kind,
                              error.first.empty() ? "" : ": ", error.first)});
  }
  if (result.unanswered > 0) {
    rows.Add({"error", StrCat(WithThousands(result.unanswered), " x no answer before the end")});
  }
}

void AddNotes(const BenchReport& report, Rows& rows) {
  if (report.result.interrupted)
    rows.Add({"note", "interrupted: this is what was measured so far"});
  if (report.result.unsent > 0) {
    rows.Add({"note", StrCat("the rate was too high: ", WithThousands(report.result.unsent),
                             " requests were due and found no free connection")});
  }
  if (report.client_cpu_share > 0.95) {
    rows.Add({"note", "this client used its whole core: the server may be able to do more"});
  }
}

void PrintDistinct(const LoadResult& result, std::ostream& out) {
  for (const DistinctAnswer& answer : result.distinct) {
    out << "  " << WithThousands(answer.count) << " x "
        << (answer.digest.empty() ? "" : StrCat(answer.digest.substr(0, 19), "  "))
        << base::Printable(answer.body, 200) << "\n";
  }
  if (result.other_distinct > 0) {
    out << "  " << WithThousands(result.other_distinct) << " x other answers\n";
  }
}

}  // namespace

json ReportJson(const BenchReport& report) {
  const LoadResult& result = report.result;
  json errors = json::array();
  for (const auto& [kind, error] : result.errors) {
    errors.push_back({{"kind", kind}, {"count", error.count}, {"first", error.first}});
  }
  json out = {{"target", report.target},
              {"format", report.format},
              {"batch", report.batch},
              {"request_bytes", report.request_bytes},
              {"load", LoadJson(report.options)},
              {"elapsed_s", Seconds(result.elapsed)},
              {"requests", result.requests},
              {"answered", result.answered},
              {"failed", result.failed()},
              {"unsent", result.unsent},
              {"unanswered", result.unanswered},
              {"interrupted", result.interrupted},
              {"errors", errors},
              {"requests_per_s", PerSecond(result.answered, result.elapsed)},
              {"rows_per_s",
               PerSecond(result.answered, result.elapsed) * static_cast<double>(report.batch)},
              {"latency_ms", LatencyJson(result.latency)},
              {"bytes_sent", result.bytes_sent},
              {"bytes_received", result.bytes_received},
              {"server", ServerJson(report)},
              {"client_cpu_cores", report.client_cpu_share}};
  if (report.options.distinct_answers) {
    json distinct = json::array();
    for (const DistinctAnswer& answer : result.distinct) {
      distinct.push_back(
          {{"digest", answer.digest}, {"body", answer.body}, {"count", answer.count}});
    }
    out["distinct"] = distinct;
    out["other_distinct"] = result.other_distinct;
  }
  return out;
}

void PrintReport(const BenchReport& report, std::ostream& out) {
  const LoadResult& result = report.result;
  const double rate = PerSecond(result.answered, result.elapsed);
  TableText rows({{}, {}});
  rows.Add({"requests",
            StrCat(WithThousands(result.requests), " in ", base::FormatDuration(result.elapsed),
                   ", ", WithThousands(result.failed()), " failed")});
  rows.Add({"throughput",
            StrCat(Rate(rate), " requests/s",
                   report.batch > 1
                       ? StrCat(", ", Rate(rate * static_cast<double>(report.batch)), " rows/s")
                       : "")});
  AddLatency(result.latency, rows);
  rows.Add({"bytes", StrCat(base::FormatByteSize(result.bytes_sent), " sent (",
                            WithThousands(report.request_bytes), " B each), ",
                            base::FormatByteSize(result.bytes_received), " of answers")});
  AddServer(report, rows);
  AddErrors(result, rows);
  AddNotes(report, rows);
  rows.Print(out);
  if (report.options.distinct_answers) PrintDistinct(result, out);
  out.flush();
}

void PrintProgress(nanoseconds since_start, bool warming_up, const LatencyRecorder& second,
                   nanoseconds length, uint64_t errors, std::ostream& out) {
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(),
                "%4.0f s  %10s requests/s  p50 %-8s  p99 %-8s  %s errors%s", Seconds(since_start),
                Rate(PerSecond(second.count(), length)).c_str(),
                base::FormatDuration(second.Quantile(0.5)).c_str(),
                base::FormatDuration(second.Quantile(0.99)).c_str(), WithThousands(errors).c_str(),
                warming_up ? "  (warming up)" : "");
  out << line.data() << std::endl;
}

}  // namespace slipway::app

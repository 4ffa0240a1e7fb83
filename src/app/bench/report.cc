#include "app/bench/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "app/console/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;
using std::chrono::nanoseconds;
using Align = TableText::Align;

constexpr size_t kShownSlow = 5;

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

void AddServer(const BenchReport& report, TableText& rows) {
  if (!report.cost) {
    rows.Add({"server CPU", StrCat("not measured: ", report.no_server)});
    return;
  }
  const ServerCost& cost = *report.cost;
  std::string pids;
  for (const int pid : cost.pids) pids += StrCat(pids.empty() ? "" : ", ", pid);
  if (cost.answers > 0) {
    rows.Add({"server CPU", StrCat(Fixed(cost.cpu_us_per_request(), 2), " us a request, ",
                                   Fixed(cost.cores(), 2), " cores (process ", pids, ")")});
  }
}

std::string P99AndMax(const LatencyRecorder& of) {
  return StrCat("p99 ", base::FormatDuration(of.Quantile(0.99)), ", max ",
                base::FormatDuration(of.max()));
}

void AddErrors(const LoadResult& result, TableText& rows) {
  for (const auto& [kind, error] : result.errors) {
    rows.Add({"error", StrCat(WithThousands(error.count), " x ", kind,
                              error.first.empty() ? "" : ": ", error.first)});
  }
  if (result.error_latency.count() > 0) {
    rows.Add({"errors came", StrCat("after ", P99AndMax(result.error_latency))});
  }
  if (result.unanswered > 0) {
    rows.Add({"error", StrCat(WithThousands(result.unanswered), " x no answer before the end")});
  }
}

// When the client itself was late, latencies are not the server's alone.
void AddSendDelay(const LoadResult& result, TableText& rows) {
  if (result.send_delay.count() == 0) return;
  rows.Add({"sent late by", StrCat(P99AndMax(result.send_delay), "; latency without that: ",
                                   P99AndMax(result.without_send_delay))});
}

void AddNotes(const BenchReport& report, TableText& rows) {
  if (report.all.interrupted) rows.Add({"note", "interrupted: this is what was measured so far"});
  if (report.all.unsent > 0) {
    rows.Add({"note", StrCat(WithThousands(report.all.unsent),
                             " requests were due and found no free connection: the rate was too "
                             "high for this server, or for so few connections")});
  }
  if (report.client_cpu_share > 0.95) {
    rows.Add({"note", "this client used its whole core: the server may be able to do more"});
  }
}

void PrintLatencies(const BenchReport& report, std::ostream& out) {
  std::vector<TableText::Column> columns = {{report.targets.size() > 1 ? "target" : "latency"}};
  for (const char* title : {"requests/s", "mean"}) columns.push_back({title, Align::kRight});
  for (const QuantileName& q : kReportQuantiles) columns.push_back({q.name, Align::kRight});
  columns.push_back({"max", Align::kRight});
  TableText table(std::move(columns));
  const auto add = [&table](const std::string& name, const LoadResult& result) {
    std::vector<std::string> cells = {name, RateText(result.answered_per_second()),
                                      base::FormatDuration(result.latency.mean())};
    for (const QuantileName& q : kReportQuantiles) {
      cells.push_back(base::FormatDuration(result.latency.Quantile(q.share)));
    }
    cells.push_back(base::FormatDuration(result.latency.max()));
    table.Add(std::move(cells));
  };
  if (report.targets.size() > 1) {
    for (const TargetReport& target : report.targets) add(target.facts.name, target.result);
  }
  add(report.targets.size() > 1 ? "all" : "", report.all);
  table.Print(out);
}

void PrintSlowest(const BenchReport& report, std::ostream& out) {
  std::string line;
  for (size_t i = 0; i < std::min(kShownSlow, report.all.slowest.size()); ++i) {
    const SlowAnswer& slow = report.all.slowest[i];
    line += StrCat(i == 0 ? "" : ", ", base::FormatDuration(slow.latency), " at ",
                   Fixed(Seconds(slow.due), 2), " s");
  }
  TableText rows({{}, {}});
  if (!line.empty()) rows.Add({"slowest", line});
  rows.Print(out);
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

void BenchReport::AppendRound(const BenchReport& later) {
  for (size_t i = 0; i < targets.size(); ++i) {
    TargetReport& mine = targets[i];
    mine.result.Append(later.targets[i].result);
    mine.rounds.insert(mine.rounds.end(), later.targets[i].rounds.begin(),
                       later.targets[i].rounds.end());
  }
  all.Append(later.all);
  client_cpu_share = std::max(client_cpu_share, later.client_cpu_share);
  if (cost && later.cost) cost->Append(*later.cost);
}

double Milliseconds(nanoseconds duration) { return Seconds(duration) * 1e3; }

std::string Fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string RateText(double per_second) {
  if (per_second < 100) return Fixed(per_second, 2);
  return WithThousands(static_cast<uint64_t>(std::llround(per_second)));
}

std::string ArrivalsText(const ArrivalPlan& arrivals) {
  switch (arrivals.kind) {
    case ArrivalPlan::Kind::kPoisson:
      return "poisson";
    case ArrivalPlan::Kind::kConstant:
      return "constant";
    case ArrivalPlan::Kind::kGamma: {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "gamma:%g", arrivals.cv);
      return text.data();
    }
    case ArrivalPlan::Kind::kOnOff:
      return StrCat("on-off:", base::FormatDuration(arrivals.on), ",",
                    base::FormatDuration(arrivals.off));
    case ArrivalPlan::Kind::kTrace:
      return "trace";
  }
  return "";
}

std::string LoadText(const ArrivalPlan& arrivals, int concurrency, int outstanding) {
  const std::string places =
      outstanding > 1 ? StrCat(concurrency, " at a time, ", outstanding, " on a connection")
                      : StrCat(concurrency, concurrency == 1 ? " connection" : " connections");
  if (arrivals.kind == ArrivalPlan::Kind::kTrace && arrivals.trace) {
    return StrCat("open loop, ", WithThousands(arrivals.trace->size()),
                  " requests of a trace, up to ", places);
  }
  if (arrivals.rate <= 0) return StrCat("closed loop, ", places);
  return StrCat("open loop, ", RateText(arrivals.rate), " requests/s (", ArrivalsText(arrivals),
                "), up to ", places);
}

void PrintPlan(const BenchPlan& plan, std::ostream& out) {
  for (size_t i = 0; i < plan.streams.size(); ++i) {
    const StreamPlan& stream = plan.streams[i];
    out << plan.facts[i].target << "  (" << plan.facts[i].format << ", "
        << WithThousands(plan.facts[i].request_bytes) << " B)\n  "
        << LoadText(stream.arrivals, stream.concurrency, stream.outstanding) << "\n";
  }
  out << "  " << base::FormatDuration(plan.load.duration) << " after "
      << base::FormatDuration(plan.load.warmup) << " of warm-up" << "\n"
      << std::flush;
}

void PrintReport(const BenchReport& report, std::ostream& out) {
  const LoadResult& all = report.all;
  TableText rows({{}, {}});
  rows.Add(
      {"requests", StrCat(WithThousands(all.requests), " in ", base::FormatDuration(all.elapsed),
                          ", ", WithThousands(all.failed()), " failed")});
  rows.Add({"throughput", StrCat(RateText(all.answered_per_second()), " requests/s",
                                 all.rows > all.answered
                                     ? StrCat(", ", RateText(all.rows_per_second()), " rows/s")
                                     : "")});
  rows.Add({"bytes", StrCat(base::FormatByteSize(all.bytes_sent), " sent, ",
                            base::FormatByteSize(all.bytes_received), " of answers")});
  AddServer(report, rows);
  AddSendDelay(all, rows);
  AddErrors(all, rows);
  AddNotes(report, rows);
  rows.Print(out);
  PrintLatencies(report, out);
  PrintSlowest(report, out);
  if (report.options.distinct_answers) {
    for (const TargetReport& target : report.targets) PrintDistinct(target.result, out);
  }
  out.flush();
}

void PrintProgress(nanoseconds since_start, bool warming_up, const LatencyRecorder& second,
                   nanoseconds length, uint64_t errors, std::ostream& out) {
  std::array<char, 160> line{};
  const double rate =
      length.count() > 0 ? static_cast<double>(second.count()) / Seconds(length) : 0;
  std::snprintf(line.data(), line.size(),
                "%4.0f s  %10s requests/s  p50 %-8s  p99 %-8s  %s errors%s", Seconds(since_start),
                RateText(rate).c_str(), base::FormatDuration(second.Quantile(0.5)).c_str(),
                base::FormatDuration(second.Quantile(0.99)).c_str(), WithThousands(errors).c_str(),
                warming_up ? "  (warming up)" : "");
  out << line.data() << "\n" << std::flush;
}

}  // namespace slipway::app

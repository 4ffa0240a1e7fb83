#include "app/bench/html.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/bench/plot.h"
#include "app/bench/report.h"
#include "app/client/server_client.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

using base::StrCat;
using nlohmann::json;

constexpr size_t kShownSlow = 20;

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>slipway bench</title>
<style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2126;--muted:#5c6670;--line:#dde2e7;--card:#f6f8fa;
--s0:#2563c9;--s1:#c2410c;--s2:#15803d;--s3:#9333b8;--s4:#a16207;--s5:#0e7490;--s6:#be185d;--s7:#4b5563}
@media (prefers-color-scheme:dark){:root{--bg:#14181c;--fg:#e4e8ec;--muted:#9aa4ae;--line:#313940;--card:#1b2127;
--s0:#6ea8fe;--s1:#fb923c;--s2:#4ade80;--s3:#d48bf0;--s4:#facc15;--s5:#22d3ee;--s6:#f472b6;--s7:#a8b1ba}}
body{margin:0 auto;max-width:1100px;padding:24px 20px 60px;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:30px 0 8px}
.sub{color:var(--muted);margin:0 0 18px;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--muted);font-weight:500}
th:first-child,td:first-child,td.text{text-align:left}td.text{white-space:normal;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:10px}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:8px 12px}
.facts b{display:block;font-size:18px;font-weight:600;overflow-wrap:anywhere}
.facts span{color:var(--muted);font-size:13px}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:16px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
figcaption{font-weight:600}figcaption small{color:var(--muted);font-weight:400}
.legend{margin:2px 0 0;font-size:13px;color:var(--muted)}.legend span{margin-right:14px;white-space:nowrap}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
svg{width:100%;height:auto;display:block}
svg text{font-size:12px;fill:var(--muted)}
svg path{fill:none;stroke-width:2;stroke-linejoin:round}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--muted);stroke-width:1}
.note{color:var(--muted)}
</style></head><body>
)";

// The number at a path of members, "latency_ms/p99"; NaN when there is none.
double Number(const json& object, std::string_view path) {
  const json* at = &object;
  while (!path.empty()) {
    const std::string key(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.size(), key.size() + 1));
    const auto next = at->is_object() ? at->find(key) : at->end();
    if (next == at->end()) return NAN;
    at = &*next;
  }
  return at->is_number() ? at->get<double>() : NAN;
}

const json& Member(const json& object, const char* key) {
  static const json kNothing = json::array();
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() ? *at : kNothing;
}

std::string Cell(double value) {
  return StrCat("<td>", std::isfinite(value) ? PlotNumber(value) : "-", "</td>");
}

std::string Fact(std::string_view name, std::string_view value) {
  return StrCat("<div><b>", HtmlEscape(value), "</b><span>", HtmlEscape(name), "</span></div>");
}

std::string NumberFact(std::string_view name, double value, std::string_view unit) {
  return std::isfinite(value) ? Fact(name, StrCat(PlotNumber(value), unit)) : "";
}

// Something with a latency table: a target, a step of a sweep, one of two servers.
struct Row {
  std::string name;
  const json* result;
  const json* server;  // where the CPU figures are
};

std::vector<Row> RowsOf(const json& report, const std::string& prefix) {
  std::vector<Row> rows;
  const json& targets = Member(report, "targets");
  for (const json& target : targets) {
    rows.push_back({.name = prefix + JsonText(target, "name"),
                    .result = &target,
                    .server = &Member(report, "nothing")});
  }
  const std::string whole = targets.empty() ? JsonText(report, "name") : "all";
  rows.push_back({.name = prefix + whole, .result = &report, .server = &Member(report, "server")});
  return rows;
}

std::string LatencyTable(const std::vector<Row>& rows, std::string_view title = "") {
  std::string out = StrCat("<h2>Latency (ms)</h2><div class=\"wide\"><table><tr><th>", title,
                           "</th><th>requests/s</th><th>failed</th><th>mean</th>");
  for (const QuantileName& q : kReportQuantiles) out += StrCat("<th>", q.name, "</th>");
  out += "<th>max</th><th>CPU us/request</th></tr>\n";
  for (const Row& row : rows) {
    out += StrCat("<tr><td>", HtmlEscape(row.name), "</td>",
                  Cell(Number(*row.result, "requests_per_s")), Cell(Number(*row.result, "failed")),
                  Cell(Number(*row.result, "latency_ms/mean")));
    for (const QuantileName& q : kReportQuantiles) {
      out += Cell(Number(*row.result, StrCat("latency_ms/", q.name)));
    }
    out += StrCat(Cell(Number(*row.result, "latency_ms/max")),
                  Cell(Number(*row.server, "cpu_us_per_request")), "</tr>\n");
  }
  return out + "</table></div>\n";
}

// Percentiles at equal distances for each nine.
double Nines(double share) { return -std::log10(1 - share); }

std::string PercentilePlot(const std::vector<Row>& rows) {
  Plot plot{.title = "Latency by percentile",
            .x_label = "share of requests that were at least as fast",
            .y_label = "ms",
            .series = {},
            .y_log = true,
            .x_ticks = {{.at = 0, .label = "0"},
                        {.at = Nines(0.5), .label = "50 %"},
                        {.at = Nines(0.9), .label = "90 %"},
                        {.at = Nines(0.99), .label = "99 %"},
                        {.at = Nines(0.999), .label = "99.9 %"},
                        {.at = Nines(0.9999), .label = "99.99 %"}}};
  for (const Row& row : rows) {
    PlotSeries series{.name = row.name, .points = {}};
    for (const json& point : Member(Member(*row.result, "latency_ms"), "curve")) {
      if (!point.is_array() || point.size() != 2) continue;
      if (!point[0].is_number() || !point[1].is_number()) continue;
      series.points.emplace_back(Nines(point[0].get<double>()), point[1].get<double>());
    }
    plot.series.push_back(std::move(series));
  }
  return PlotHtml(plot);
}

PlotSeries OverTime(const Row& row, const char* key, const std::string& name) {
  PlotSeries series{.name = name, .points = {}};
  for (const json& moment : Member(*row.result, "moments")) {
    const double at = Number(moment, "at_s") + Number(moment, "length_s") / 2;
    const double value = Number(moment, key);
    const bool rate = std::string_view(key) == "answered";
    series.points.emplace_back(at, rate ? value / Number(moment, "length_s") : value);
  }
  return series;
}

std::string TimePlots(const std::vector<Row>& rows) {
  Plot latency{.title = rows.size() == 1 ? "Latency over time" : "p99 over time",
               .x_label = "seconds",
               .y_label = "ms",
               .series = {},
               .y_log = true};
  Plot rate{
      .title = "Throughput over time", .x_label = "seconds", .y_label = "requests/s", .series = {}};
  for (const Row& row : rows) {
    if (rows.size() == 1) {
      for (const char* key : {"p50", "p90", "p99", "max"}) {
        latency.series.push_back(OverTime(row, key, key));
      }
    } else if (!Member(*row.result, "moments").empty()) {
      latency.series.push_back(OverTime(row, "p99", row.name));
    }
    if (!Member(*row.result, "moments").empty()) {
      rate.series.push_back(OverTime(row, "answered", row.name));
    }
  }
  return PlotHtml(latency) + PlotHtml(rate);
}

// Of a sweep: a figure of each step over its load.
std::string StepPlot(const json& document, const std::string& title, const char* y_label,
                     bool y_log, const std::vector<std::string>& paths) {
  const bool rates = JsonText(document, "sweep") == "rate";
  Plot plot{.title = title,
            .x_label = rates ? "requests/s that were due" : "requests at a time",
            .y_label = y_label,
            .series = {},
            .x_log = !rates,
            .y_log = y_log};
  for (const std::string& path : paths) {
    PlotSeries series{.name = path.substr(path.rfind('/') + 1), .points = {}};
    for (const json& step : Member(document, "steps")) {
      series.points.emplace_back(Number(step, "value"), Number(step, path));
    }
    if (!rates) {
      plot.x_ticks.clear();
      for (const auto& [at, value] : series.points) {
        if (at > 0) plot.x_ticks.push_back({.at = at, .label = PlotNumber(at)});
      }
    }
    plot.series.push_back(std::move(series));
  }
  return PlotHtml(plot);
}

std::string Errors(const std::vector<Row>& rows) {
  std::string lines;
  for (const Row& row : rows) {
    for (const json& error : Member(*row.result, "errors")) {
      lines +=
          StrCat("<tr><td>", HtmlEscape(row.name), "</td>", Cell(Number(error, "count")),
                 "<td class=\"text\">", HtmlEscape(JsonText(error, "kind")),
                 "</td><td class=\"text\">", HtmlEscape(JsonText(error, "first")), "</td></tr>\n");
    }
  }
  if (lines.empty()) return "";
  return StrCat(
      "<h2>Errors</h2><div class=\"wide\"><table><tr><th></th><th>count</th><th>kind</th>"
      "<th>what was said first</th></tr>\n",
      lines, "</table></div>\n");
}

std::string Slowest(const json& report) {
  const json& slowest = Member(report, "slowest");
  if (slowest.empty()) return "";
  std::string out =
      "<h2>Slowest requests</h2><div class=\"wide\"><table><tr><th>due at (s)</th>"
      "<th>latency (ms)</th><th>of it, sent late by (ms)</th></tr>\n";
  for (size_t i = 0; i < std::min(kShownSlow, slowest.size()); ++i) {
    const json& slow = slowest[i];
    out += StrCat("<tr>", Cell(Number(slow, "due_s")), Cell(Number(slow, "latency_ms")),
                  Cell(Number(slow, "send_delay_ms")), "</tr>\n");
  }
  return out + "</table></div>\n";
}

std::string ComparisonTable(const json& comparison) {
  const json& figures = Member(comparison, "figures");
  if (figures.empty()) return "";
  std::string out =
      StrCat("<h2>Comparison</h2><p class=\"sub\">A: ", HtmlEscape(JsonText(comparison, "a")),
             "<br>B: ", HtmlEscape(JsonText(comparison, "b")),
             "</p><div class=\"wide\"><table><tr><th>target</th><th>figure</th>"
             "<th>A</th><th>B</th><th>B / A</th><th>95 % interval</th><th></th>"
             "</tr>\n");
  for (const json& figure : figures) {
    out += StrCat("<tr><td>", HtmlEscape(JsonText(figure, "target")), "</td><td class=\"text\">",
                  HtmlEscape(JsonText(figure, "figure")), " (",
                  HtmlEscape(JsonText(figure, "unit")), ")</td>", Cell(Number(figure, "a")),
                  Cell(Number(figure, "b")), Cell(Number(figure, "ratio")), "<td>",
                  PlotNumber(Number(figure, "low")), " to ", PlotNumber(Number(figure, "high")),
                  "</td><td>", HtmlEscape(JsonText(figure, "verdict")), "</td></tr>\n");
  }
  return StrCat(out, "</table></div><p class=\"note\">Intervals from ",
                HtmlEscape(JsonText(comparison, "samples")), ".</p>\n");
}

std::string LoadFact(const json& report) {
  const json& load = Member(report, "load");
  if (!load.is_object()) return "";
  if (JsonText(load, "kind") == "closed") {
    return NumberFact("at a time, closed loop", Number(load, "concurrency"), "");
  }
  const std::string arrivals = JsonText(load, "arrivals");
  const double rate = Number(load, "rate_per_s");
  return std::isfinite(rate) ? NumberFact(StrCat("requests/s due, ", arrivals), rate, "")
                             : Fact("requests are due", arrivals);
}

std::string Facts(const json& report) {
  const json& targets = Member(report, "targets");
  std::string what = JsonText(report, "target");
  for (const json& target : targets) {
    what += StrCat(what.empty() ? "" : ", ", JsonText(target, "target"));
  }
  std::string out = StrCat("<p class=\"sub\">", HtmlEscape(what), "</p><div class=\"facts\">");
  out += NumberFact("requests/s", Number(report, "requests_per_s"), "");
  out += NumberFact("p50", Number(report, "latency_ms/p50"), " ms");
  out += NumberFact("p99", Number(report, "latency_ms/p99"), " ms");
  out += NumberFact("server CPU a request", Number(report, "server/cpu_us_per_request"), " us");
  out += NumberFact("server cores in use", Number(report, "server/cpu_cores"), "");
  out += NumberFact("failed", Number(report, "failed"), "");
  out += LoadFact(report);
  out += NumberFact("seconds measured", Number(report, "elapsed_s"), "");
  out += NumberFact("client's core in use", 100 * Number(report, "client_cpu_cores"), " %");
  return out + "</div>\n";
}

std::string SweepPage(const json& document) {
  const json& steps = Member(document, "steps");
  std::vector<Row> rows;
  for (const json& step : steps) {
    rows.push_back({.name = PlotNumber(Number(step, "value")),
                    .result = &step,
                    .server = &Member(step, "server")});
  }
  std::string out = StrCat(
      "<p class=\"sub\">",
      HtmlEscape(steps.is_array() && !steps.empty() ? JsonText(steps[0], "target") : ""), "</p>");
  const std::string knee = JsonText(document, "knee");
  if (!knee.empty()) out += StrCat("<p><b>Knee:</b> ", HtmlEscape(knee), "</p>");
  const bool rates = JsonText(document, "sweep") == "rate";
  out += LatencyTable(rows, rates ? "due/s" : "at a time");
  out += "<h2>Plots</h2><div class=\"plots\">";
  out += StepPlot(document, "Throughput", "requests/s", false, {"requests_per_s"});
  out += StepPlot(document, "Latency", "ms", true,
                  {"latency_ms/p50", "latency_ms/p99", "latency_ms/p99.9"});
  out += StepPlot(document, "Server CPU a request", "us", false, {"server/cpu_us_per_request"});
  return StrCat(out, PercentilePlot(rows), "</div>\n", Errors(rows));
}

std::string AgainstPage(const json& document) {
  std::vector<Row> rows;
  std::string out = ComparisonTable(Member(document, "comparison"));
  const json& both = Member(document, "against");
  for (size_t i = 0; i < both.size() && both.is_array(); ++i) {
    const std::vector<Row> more = RowsOf(both[i], i == 0 ? "A " : "B ");
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return StrCat(out, LatencyTable(rows), "<h2>Plots</h2><div class=\"plots\">",
                PercentilePlot(rows), TimePlots(rows), "</div>\n", Errors(rows));
}

std::string TestPage(const json& document) {
  const std::vector<Row> rows = RowsOf(document, "");
  return StrCat(Facts(document), ComparisonTable(Member(document, "comparison")),
                LatencyTable(rows), "<h2>Plots</h2><div class=\"plots\">", PercentilePlot(rows),
                TimePlots(rows), "</div>\n", Errors(rows), Slowest(document));
}

}  // namespace

std::string BenchHtml(const json& document) {
  std::string out = kHead;
  out += "<h1>slipway bench</h1>\n";
  if (document.contains("sweep")) {
    out += SweepPage(document);
  } else if (document.contains("against")) {
    out += AgainstPage(document);
  } else {
    out += TestPage(document);
  }
  return out + "</body></html>\n";
}

}  // namespace slipway::app

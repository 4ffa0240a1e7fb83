#include "app/bench_command.h"

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "app/bench/compare.h"
#include "app/bench/html.h"
#include "app/bench/plan.h"
#include "app/bench/sweep.h"
#include "app/console/progress.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using nlohmann::json;

constexpr uint64_t kMaxReportBytes = uint64_t{256} << 20;
constexpr int kDeepestReport = 32;  // what lies deeper is left out

Status Verdict(const LoadResult& all) {
  if (all.answered == 0 && !all.interrupted) return base::Unavailable("no request was answered");
  return base::OkStatus();
}

// The steps of a sweep as plans of their own.
std::vector<std::pair<double, BenchPlan>> SweepSteps(const BenchOptions& options,
                                                     const BenchPlan& plan) {
  std::vector<std::pair<double, BenchPlan>> steps;
  if (options.rates.size() > 1) {
    for (const double rate : options.rates) {
      steps.emplace_back(rate, plan);
      steps.back().second.streams.front().arrivals.rate = rate;
    }
    return steps;
  }
  for (const int concurrency : options.concurrency) {
    steps.emplace_back(concurrency, plan);
    steps.back().second.streams.front().concurrency = concurrency;
  }
  return steps;
}

}  // namespace

void BenchCommand::Configure(CLI::App& app) {
  flags_.Configure(app);
  compare_ = app.add_subcommand("compare", "Two JSON reports of earlier runs beside each other");
  compare_->add_option("reports", compared_files_, "The reports, as --output has written them")
      ->expected(2)
      ->required()
      ->type_name("A B");
  compare_->add_flag("--json", compare_json_, "Print JSON");
  compare_->add_option("--html", compare_html_, "Write the comparison with plots to this file")
      ->type_name("FILE");
  compare_->footer("Example:\n  slipway bench compare before.json after.json");
}

Status BenchCommand::Run() {
  if (compare_->parsed()) return RunCompare();
  SLIPWAY_ASSIGN_OR_RETURN(const BenchOptions options, flags_.Read());
  if (options.sweep()) return RunSweep(options);
  return options.against.empty() ? RunOne(options) : RunAgainst(options);
}

bool BenchCommand::ShowsProgress(const BenchOptions& options) const {
  return !options.quiet && StandardErrorIsTerminal();
}

Status BenchCommand::RunOne(const BenchOptions& options) {
  json baseline;
  if (!options.baseline.empty()) {  // a wrong file is noticed before the test, not after it
    SLIPWAY_ASSIGN_OR_RETURN(baseline, ReadReport(options.baseline));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const BenchPlan plan, MakeBenchPlan(options, options.url, context_));
  SLIPWAY_ASSIGN_OR_RETURN(const SeenServer server, FindServer(plan, options.pid));
  if (!options.json) PrintPlan(plan, context_.out);
  ShutdownSignals signals;
  const bool progress = ShowsProgress(options);
  SLIPWAY_ASSIGN_OR_RETURN(BenchReport report, RunBench(plan, server, progress, signals, context_));
  for (int round = 1; round < options.rounds && !report.all.interrupted; ++round) {
    SLIPWAY_ASSIGN_OR_RETURN(const BenchReport next,
                             RunBench(plan, server, progress, signals, context_));
    report.AppendRound(next);
  }
  if (!options.json) PrintReport(report, context_.out);
  json document = ReportJson(report);
  if (!options.baseline.empty() && report.all.answered > 0) {
    SLIPWAY_ASSIGN_OR_RETURN(Comparison comparison, CompareReports(baseline, document, false));
    comparison.a_name = options.baseline;
    if (!options.json) PrintComparison(comparison, context_.out);
    document["comparison"] = ComparisonJson(comparison);
    document["baseline"] = std::move(baseline);
  }
  SLIPWAY_RETURN_IF_ERROR(Publish(options, document));
  return Verdict(report.all);
}

Status BenchCommand::RunSweep(const BenchOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const BenchPlan plan, MakeBenchPlan(options, options.url, context_));
  SLIPWAY_ASSIGN_OR_RETURN(const SeenServer server, FindServer(plan, options.pid));
  ShutdownSignals signals;
  SweepReport sweep{
      .axis = options.rates.size() > 1 ? SweepReport::Axis::kRate : SweepReport::Axis::kConcurrency,
      .steps = {}};
  uint64_t answered = 0;
  bool interrupted = false;
  for (const auto& [value, step] : SweepSteps(options, plan)) {
    if (!options.json) {
      if (sweep.steps.empty()) context_.out << plan.facts.front().target << "\n";
      context_.out << "  "
                   << LoadText(step.streams.front().arrivals, step.streams.front().concurrency,
                               step.streams.front().outstanding)
                   << "\n"
                   << std::flush;
    }
    SLIPWAY_ASSIGN_OR_RETURN(BenchReport report,
                             RunBench(step, server, ShowsProgress(options), signals, context_));
    answered += report.all.answered;
    interrupted = report.all.interrupted;
    sweep.steps.push_back({.value = value, .report = std::move(report)});
    if (interrupted) break;
  }
  if (!options.json) PrintSweep(sweep, context_.out);
  SLIPWAY_RETURN_IF_ERROR(Publish(options, SweepJson(sweep)));
  if (answered == 0 && !interrupted) return base::Unavailable("no request was answered");
  return base::OkStatus();
}

// Both servers in turn, A B B A, so that whatever else changes with time hits both alike.
Status BenchCommand::RunAgainst(const BenchOptions& options) {
  const std::string* urls[] = {&options.url, &options.against};
  std::vector<BenchPlan> plans;
  std::vector<SeenServer> servers;
  for (const std::string* url : urls) {
    SLIPWAY_ASSIGN_OR_RETURN(BenchPlan plan, MakeBenchPlan(options, *url, context_));
    SLIPWAY_ASSIGN_OR_RETURN(SeenServer server, FindServer(plan, options.pid));
    if (!options.json) PrintPlan(plan, context_.out);
    plans.push_back(std::move(plan));
    servers.push_back(std::move(server));
  }
  ShutdownSignals signals;
  const auto run = [&](size_t which) {
    return RunBench(plans[which], servers[which], ShowsProgress(options), signals, context_);
  };
  SLIPWAY_ASSIGN_OR_RETURN(BenchReport first, run(0));
  if (first.all.interrupted) return base::Cancelled("interrupted before both had their turn");
  SLIPWAY_ASSIGN_OR_RETURN(BenchReport second, run(1));
  BenchReport* const reports[] = {&first, &second};
  bool interrupted = second.all.interrupted;
  for (int turn = 2; turn < 2 * options.rounds && !interrupted; ++turn) {
    const size_t which = static_cast<size_t>(turn % 4 == 1 || turn % 4 == 2);
    SLIPWAY_ASSIGN_OR_RETURN(const BenchReport report, run(which));
    interrupted = report.all.interrupted;
    reports[which]->AppendRound(report);
  }
  if (!options.json) {
    for (const BenchReport* report : reports) {
      context_.out << "\n" << report->server << "\n";
      PrintReport(*report, context_.out);
    }
    context_.out << "\n";
  }
  const json a = ReportJson(first);
  const json b = ReportJson(second);
  json document = {{"against", {a, b}}};
  if (first.all.answered == 0 || second.all.answered == 0) {
    SLIPWAY_RETURN_IF_ERROR(Publish(options, document));
    return base::Unavailable("one of the servers answered no request");
  }
  const Result<Comparison> comparison = CompareReports(a, b, !interrupted);
  if (comparison.ok()) {
    if (!options.json) PrintComparison(*comparison, context_.out);
    document["comparison"] = ComparisonJson(*comparison);
  } else if (!interrupted) {
    return comparison.status();
  }
  return Publish(options, document);
}

Result<json> BenchCommand::ReadReport(const std::string& file) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, context_.fs.Read(file, kMaxReportBytes));
  const auto shallow = [](int depth, json::parse_event_t, const json&) {
    return depth <= kDeepestReport;
  };
  json report = json::parse(text, shallow, false);
  if (report.is_object()) return report;
  return base::InvalidArgument(
      StrCat("'", file, "': expected a JSON report, as slipway bench --output writes it"));
}

Status BenchCommand::RunCompare() {
  SLIPWAY_ASSIGN_OR_RETURN(const json a, ReadReport(compared_files_[0]));
  SLIPWAY_ASSIGN_OR_RETURN(const json b, ReadReport(compared_files_[1]));
  SLIPWAY_ASSIGN_OR_RETURN(Comparison comparison, CompareReports(a, b, false));
  comparison.a_name = compared_files_[0];
  comparison.b_name = compared_files_[1];
  const json found = ComparisonJson(comparison);
  if (compare_json_) {
    context_.out << found.dump(2, ' ', false, json::error_handler_t::replace) << "\n" << std::flush;
  } else {
    PrintComparison(comparison, context_.out);
  }
  if (compare_html_.empty()) return base::OkStatus();
  return context_.fs.WriteAtomically(compare_html_,
                                     BenchHtml({{"against", {a, b}}, {"comparison", found}}));
}

Status BenchCommand::Publish(const BenchOptions& options, const json& document) const {
  const std::string text = document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  if (options.json) context_.out << text << std::flush;
  if (!options.output.empty()) {
    SLIPWAY_RETURN_IF_ERROR(context_.fs.WriteAtomically(options.output, text));
  }
  if (!options.html.empty()) {
    SLIPWAY_RETURN_IF_ERROR(context_.fs.WriteAtomically(options.html, BenchHtml(document)));
  }
  return base::OkStatus();
}

}  // namespace slipway::app

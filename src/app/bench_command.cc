#include "app/bench_command.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "app/bench_server_process.h"
#include "app/progress.h"
#include "app/server_client.h"
#include "app/shutdown_signals.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "net/http1_grammar.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr uint64_t kMaxInputBytes = uint64_t{1} << 30;
constexpr int kMaxConnections = 20'000;

Status CheckHeader(std::string_view line) {
  const size_t colon = line.find(':');
  const bool printable =
      std::ranges::all_of(line, [](char c) { return net::Is(c, net::kFieldChar); });
  if (colon == std::string_view::npos || colon == 0 || !printable) {
    return InvalidArgument(
        StrCat("--header '", base::Printable(line), "': expected 'Name: value'"));
  }
  return base::OkStatus();
}

std::chrono::nanoseconds ThreadCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Reads the server's and our own CPU clock around the measurement, and shows how it goes.
class Meter final : public LoadListener {
 public:
  Meter(const base::Clock& clock, std::optional<ServerProcess> server, ShutdownSignals& signals,
        std::ostream* progress)
      : clock_(clock),
        server_(std::move(server)),
        signals_(signals),
        progress_(progress),
        start_(clock.SteadyNow()),
        shown_at_(start_) {}

  void OnMeasureBegin(uint64_t answers) override {
    begin_ = clock_.SteadyNow();
    answers_ = answers;
    own_cpu_ = ThreadCpuTime();
    if (server_) cost_.cpu = server_->CpuTime();
    begun_ = true;
  }

  void OnMeasureEnd(uint64_t answers) override {
    if (!begun_) return;
    cost_.elapsed = clock_.SteadyNow() - begin_;
    cost_.answers = answers - answers_;
    own_cpu_ = ThreadCpuTime() - own_cpu_;
    if (server_) {
      cost_.cpu = server_->CpuTime() - cost_.cpu;
      cost_.pids.assign(server_->pids().begin(), server_->pids().end());
    }
    ended_ = true;
  }

  bool OnTick(const LoadResult& so_far, const LatencyRecorder& since_last,
              base::SteadyTime now) override {
    second_.Add(since_last);
    if (progress_ != nullptr && now - shown_at_ >= 1s) {
      PrintProgress(now - start_, !begun_, second_, now - shown_at_, so_far.failed(), *progress_);
      second_.Clear();
      shown_at_ = now;
    }
    return !signals_.Wait(0ns);
  }

  std::optional<ServerCost> server_cost() const {
    return server_ && ended_ ? std::optional(cost_) : std::nullopt;
  }
  double own_cpu_share() const {
    if (!ended_ || cost_.elapsed <= 0ns) return 0;
    return static_cast<double>(own_cpu_.count()) / static_cast<double>(cost_.elapsed.count());
  }

 private:
  const base::Clock& clock_;
  const std::optional<ServerProcess> server_;
  ShutdownSignals& signals_;
  std::ostream* const progress_;  // null: not shown
  const base::SteadyTime start_;
  base::SteadyTime shown_at_;
  base::SteadyTime begin_;
  LatencyRecorder second_;
  uint64_t answers_ = 0;
  std::chrono::nanoseconds own_cpu_{0};
  ServerCost cost_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

void BenchCommand::Configure(CLI::App& app) {
  app.add_option("url", url_,
                 "http[s]://HOST:PORT, http[s]://HOST:PORT/v2/models/NAME or unix:PATH")
      ->type_name("URL")
      ->required();
  app.add_option("--model", model_, "Model; needed when the server has more than one")
      ->type_name("NAME");
  app.add_option("--model-version", version_, "Version of the model (default: the server's choice)")
      ->type_name("VERSION");
  app.add_option("--connections", load_.connections, "Keep-alive connections (default 32)")
      ->check(CLI::Range(1, kMaxConnections))
      ->type_name("N");
  app.add_option("--rate", load_.rate,
                 "Open loop: requests a second at random times, whatever the server does")
      ->check(CLI::PositiveNumber)
      ->type_name("R");
  app.add_option("--duration", duration_text_, "How long to measure (default 10s)")
      ->type_name("TIME");
  app.add_option("--warmup", warmup_text_, "Load before that (default 1s)")->type_name("TIME");
  app.add_option("--requests", load_.max_requests, "End after as many measured requests")
      ->type_name("N");
  app.add_option("--timeout", timeout_text_, "For one answer (default 30s)")->type_name("TIME");
  app.add_option("--format", format_, "json or binary tensors (default json)")
      ->check(CLI::IsMember({"json", "binary"}))
      ->type_name("FORMAT");
  app.add_option("--batch", body_options_.batch, "Rows in a request (default 1)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24))
      ->type_name("N");
  app.add_option("--shape", shape_texts_, "NAME:D,D,... for an input with free dimensions")
      ->type_name("SHAPE");
  app.add_option("--input", input_file_, "Send the bytes of this file as the body")
      ->type_name("FILE");
  app.add_option("--path", path_,
                 "Send to this path instead of a model's /infer; GET without --input")
      ->type_name("PATH");
  app.add_option("--header", headers_, "'Name: value'; may be repeated")->type_name("LINE");
  app.add_option("--seed", load_.seed, "Of arrival times and values (default 1)")->type_name("N");
  app.add_option("--pid", pid_, "The server's process, if it is not found")->type_name("PID");
  app.add_flag("--distinct", load_.distinct_answers,
               "Count different answers, by model digest and content");
  AddTlsOptions(app, tls_);
  app.add_flag("--quiet", quiet_, "No line each second");
  app.add_flag("--json", json_, "Print JSON");
  app.add_option("--output", output_, "Write the JSON report to this file as well")
      ->type_name("FILE");
}

Status BenchCommand::ReadOptions() {
  const auto read = [](const char* flag, const std::string& text, std::chrono::nanoseconds& value) {
    const Result<std::chrono::nanoseconds> parsed = base::ParseDuration(text);
    if (!parsed.ok()) return parsed.status().WithContext(flag);
    value = *parsed;
    return base::OkStatus();
  };
  SLIPWAY_RETURN_IF_ERROR(read("--warmup", warmup_text_, load_.warmup));
  SLIPWAY_RETURN_IF_ERROR(read("--duration", duration_text_, load_.duration));
  SLIPWAY_RETURN_IF_ERROR(read("--timeout", timeout_text_, load_.timeout));
  if (load_.duration <= 0ns) return InvalidArgument("--duration: expected more than 0");
  if (load_.timeout <= 0ns) return InvalidArgument("--timeout: expected more than 0");
  for (const std::string& header : headers_) SLIPWAY_RETURN_IF_ERROR(CheckHeader(header));
  for (const std::string& text : shape_texts_) {
    SLIPWAY_RETURN_IF_ERROR(ParseShapeOption(text, body_options_.shapes));
  }
  if (!path_.empty() && (path_.front() != '/' || !std::ranges::all_of(path_, [](char c) {
                           return net::Is(c, net::kTargetChar);
                         }))) {
    return InvalidArgument(StrCat("--path '", base::Printable(path_),
                                  "': expected a path that begins with / and is percent-encoded"));
  }
  body_options_.binary = format_ == "binary";
  body_options_.seed = load_.seed;
  return base::OkStatus();
}

Status BenchCommand::Run() {
  SLIPWAY_RETURN_IF_ERROR(ReadOptions());
  SLIPWAY_ASSIGN_OR_RETURN(const ServerUrl url, ParseServerUrl(url_));
  SLIPWAY_ASSIGN_OR_RETURN(const SharedTls tls, MakeTls(url.server, tls_, context_.fs));
  SLIPWAY_ASSIGN_OR_RETURN(
      ServerClient client,
      ServerClient::Create(url.server, context_.clock,
                           std::chrono::duration_cast<std::chrono::milliseconds>(load_.timeout),
                           tls));
  SLIPWAY_ASSIGN_OR_RETURN(const Plan plan, MakePlan(client, url));
  SLIPWAY_RETURN_IF_ERROR(TryOnce(client, plan));
  SLIPWAY_ASSIGN_OR_RETURN(const BenchReport report, Measure(url, tls, plan));
  return Publish(report);
}

// The model to send to: the user's choice, or the only one there is.
Result<std::string> BenchCommand::ModelName(ServerClient& client, const ServerUrl& url) const {
  if (!model_.empty()) return model_;
  if (!url.model.empty()) return url.model;
  const auto which = [](std::string_view known) {
    return InvalidArgument(
        StrCat("which model? --model names it", known.empty() ? "" : "; the server has ", known));
  };
  const Result<json> index = client.Post("/v2/repository/index", R"({"ready":true})");
  if (index.status().code() == base::StatusCode::kUnavailable) return index.status();
  if (!index.ok() || !index->is_array()) return which("");
  std::vector<std::string> names;
  for (const json& entry : *index) {
    std::string name = JsonText(entry, "name");
    if (!name.empty() && std::ranges::find(names, name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  if (names.size() == 1) return names.front();
  std::string known;
  for (const std::string& name : names) {
    known += StrCat(known.empty() ? "" : ", ", base::Printable(name));
  }
  return which(known);
}

Result<BenchCommand::Plan> BenchCommand::MakePlan(ServerClient& client,
                                                  const ServerUrl& url) const {
  Plan plan;
  plan.target = path_;
  plan.format = "as given";
  plan.headers = headers_;
  std::string model_path;
  if (path_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string model, ModelName(client, url));
    const std::string& version = version_.empty() ? url.version : version_;
    model_path = StrCat("/v2/models/", PercentEncode(model), version.empty() ? "" : "/versions/",
                        PercentEncode(version));
    plan.target = model_path + "/infer";
  }
  if (!input_file_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(plan.body.bytes, context_.fs.Read(input_file_, kMaxInputBytes));
  } else if (path_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(plan.body, MakeBody(client, model_path));
    plan.format = format_;
  } else {
    plan.method = "GET";
    return plan;
  }
  const bool typed = std::ranges::any_of(headers_, [](std::string_view line) {
    return base::EqualsIgnoreCase(line.substr(0, line.find(':')), "content-type");
  });
  if (!typed) {
    plan.headers.emplace_back(plan.body.json_bytes > 0 ? "Content-Type: application/octet-stream"
                                                       : "Content-Type: application/json");
  }
  if (plan.body.json_bytes > 0) {
    plan.headers.push_back(StrCat("Inference-Header-Content-Length: ", plan.body.json_bytes));
  }
  return plan;
}

Result<BenchBody> BenchCommand::MakeBody(ServerClient& client,
                                         const std::string& model_path) const {
  SLIPWAY_ASSIGN_OR_RETURN(const json metadata, client.Get(model_path));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<BenchInput> inputs, ReadBenchInputs(metadata));
  return MakeBenchBody(inputs, body_options_);
}

// The request, once and slowly: its failure is the server's own explanation.
Status BenchCommand::TryOnce(ServerClient& client, const Plan& plan) const {
  net::HttpClient::Request request{
      .method = plan.method, .target = plan.target, .headers = {}, .body = plan.body.bytes};
  for (const std::string_view line : plan.headers) {
    request.headers.emplace_back(line.substr(0, line.find(':')),
                                 base::TrimWhitespace(line.substr(line.find(':') + 1)));
  }
  return client.Send(request).status().WithContext("the first request failed");
}

Result<BenchReport> BenchCommand::Measure(const ServerUrl& url, const SharedTls& tls,
                                          const Plan& plan) const {
  SLIPWAY_ASSIGN_OR_RETURN(const net::ServerName to, net::ServerName::Resolve(url.server));
  BenchReport report;
  report.target = StrCat(plan.method, " ", url.server, plan.target);
  report.format = plan.format;
  report.batch = plan.format == "as given" ? 1 : body_options_.batch;
  report.options = load_;
  const std::string request = SerializeRequest({.method = plan.method,
                                                .target = plan.target,
                                                .host = to.authority,
                                                .headers = plan.headers,
                                                .body = plan.body.bytes});
  report.request_bytes = request.size();
  std::optional<ServerProcess> server;
  Result<ServerProcess> found =
      pid_ > 0 ? ServerProcess::OfPid(pid_) : ServerProcess::ListeningAt(to.address);
  if (found.ok()) {
    server = *std::move(found);
  } else if (pid_ > 0) {
    return std::move(found).status().WithContext("--pid");
  } else {
    report.no_server = found.status().message();
  }
  if (!json_) {
    context_.out << report.target << "  (" << report.format << ", " << request.size() << " B)\n"
                 << (load_.rate > 0 ? StrCat(load_.rate, " requests/s over up to ") : "")
                 << load_.connections << " connections, " << base::FormatDuration(load_.duration)
                 << " after " << base::FormatDuration(load_.warmup) << " of warm-up" << std::endl;
  }
  ShutdownSignals signals;
  const bool show = !quiet_ && StandardErrorIsTerminal();
  Meter meter(context_.clock, std::move(server), signals, show ? &context_.err : nullptr);
  LoadGenerator generator({.address = to.address, .tls = tls.get(), .host = to.host}, request,
                          load_, context_.clock);
  SLIPWAY_ASSIGN_OR_RETURN(report.result, generator.Run(meter));
  report.server = meter.server_cost();
  if (!report.server && report.no_server.empty()) report.no_server = "ended during the warm-up";
  report.client_cpu_share = meter.own_cpu_share();
  return report;
}

Status BenchCommand::Publish(const BenchReport& report) const {
  const std::string text =
      ReportJson(report).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  if (json_) {
    context_.out << text << std::flush;
  } else {
    PrintReport(report, context_.out);
  }
  if (!output_.empty()) SLIPWAY_RETURN_IF_ERROR(context_.fs.WriteAtomically(output_, text));
  if (report.result.answered == 0 && !report.result.interrupted) {
    return base::Unavailable("no request was answered");
  }
  return base::OkStatus();
}

}  // namespace slipway::app

#include "app/bench/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/http1_grammar.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using namespace std::chrono_literals;

constexpr int kMaxConnections = 20'000;
constexpr int kMaxConcurrency = 100'000;
constexpr int kMaxOutstanding = 1'000;
constexpr int kDefaultConnections = 32;
constexpr int kMaxRounds = 1'000;
constexpr int kRoundsAgainst = 6;

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

Status CheckPath(const std::string& path) {
  const auto fits = [](char c) { return net::Is(c, net::kTargetChar); };
  if (path.empty() || (path.front() == '/' && std::ranges::all_of(path, fits))) {
    return base::OkStatus();
  }
  return InvalidArgument(StrCat("--path '", base::Printable(path),
                                "': expected a path that begins with / and is percent-encoded"));
}

// Leaves `value` alone when `text` is empty.
Status ReadDuration(const char* flag, const std::string& text, std::chrono::nanoseconds& value) {
  if (text.empty()) return base::OkStatus();
  const Result<std::chrono::nanoseconds> parsed = base::ParseDuration(text);
  if (!parsed.ok()) return parsed.status().WithContext(flag);
  value = *parsed;
  return base::OkStatus();
}

}  // namespace

void BenchFlags::Configure(CLI::App& app) {
  ConfigureWhat(app);
  ConfigureLoad(app);
  AddTlsOptions(app, plain_.tls);
  ConfigureOutput(app);
}

void BenchFlags::ConfigureWhat(CLI::App& app) {
  app.add_option("url", plain_.url,
                 "http[s]://HOST:PORT, http[s]://HOST:PORT/v2/models/NAME or unix:PATH")
      ->type_name("URL");
  app.add_option("--model", plain_.model, "Model; needed when the server has more than one")
      ->type_name("NAME");
  app.add_option("--model-version", plain_.version,
                 "Version of the model (default: the server's choice)")
      ->type_name("VERSION");
  app.add_option("--target", target_texts_,
                 "MODEL[@RATE][:FILE]: several models at once, each with connections, arrivals and "
                 "latencies of its own; may be repeated")
      ->type_name("TARGET");
  app.add_option("--protocol", protocol_,
                 "rest or grpc, of the Open Inference protocol (default rest)")
      ->check(CLI::IsMember({"rest", "grpc"}))
      ->type_name("PROTOCOL");
  app.add_flag("--http2", http2_, "REST over HTTP/2 instead of HTTP/1.1");
  app.add_option("--format", format_, "json or binary tensors of REST (default json)")
      ->check(CLI::IsMember({"json", "binary"}))
      ->type_name("FORMAT");
  app.add_option("--batch", plain_.body.batch, "Rows in a request (default 1)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24))
      ->type_name("N");
  app.add_option("--shape", shape_texts_, "NAME:D,D,... for an input with free dimensions")
      ->type_name("SHAPE");
  app.add_option("--input", plain_.input_file, "Send the bytes of this file as the body")
      ->type_name("FILE");
  app.add_option("--path", plain_.path,
                 "Send to this path instead of a model's /infer; GET without --input")
      ->type_name("PATH");
  app.add_option("--header", plain_.headers, "'Name: value'; may be repeated")->type_name("LINE");
}

void BenchFlags::ConfigureLoad(CLI::App& app) {
  app.add_option("--connections", connections_,
                 "Keep-alive connections of each target (default 32)")
      ->check(CLI::Range(1, kMaxConnections))
      ->type_name("N");
  app.add_option("--concurrency", concurrency_,
                 "Requests at a time; several with commas, such as 1,2,4,8, are a sweep")
      ->type_name("N,...");
  app.add_option("--outstanding", plain_.outstanding,
                 "gRPC and HTTP/2: requests at a time on each connection (default 1)")
      ->check(CLI::Range(1, kMaxOutstanding))
      ->type_name("N");
  app.add_option("--rate", rates_,
                 "Open loop: requests a second that are due whatever the server does; several with "
                 "commas are a sweep")
      ->type_name("R,...");
  app.add_option("--arrivals", arrivals_,
                 "When they are due: poisson (default), constant, gamma:CV (clumps for CV > 1) or "
                 "on-off:ON,OFF such as on-off:100ms,400ms")
      ->type_name("KIND");
  app.add_option("--trace", plain_.trace_file,
                 "Requests are due as this CSV file says: columns offset_s[,model][,rows]")
      ->type_name("FILE");
  app.add_option("--duration", duration_, "How long to measure (default 10s, or the whole trace)")
      ->type_name("TIME");
  app.add_option("--warmup", warmup_, "Load before that (default 1s)")->type_name("TIME");
  app.add_option("--requests", plain_.load.max_requests, "End after as many measured requests")
      ->type_name("N");
  app.add_option("--timeout", timeout_, "For one answer (default 30s)")->type_name("TIME");
  app.add_option(
         "--rounds", plain_.rounds,
         "Run it so many times, to know how much figures vary (default 1; 6 with --against)")
      ->check(CLI::Range(1, kMaxRounds))
      ->type_name("N");
  app.add_option("--against", plain_.against, "Another server: both get the same load in turn")
      ->type_name("URL");
  app.add_option("--seed", plain_.load.seed, "Of arrival times and values (default 1)")
      ->type_name("N");
}

void BenchFlags::ConfigureOutput(CLI::App& app) {
  app.add_option("--pid", plain_.pid, "The server's process, if it is not found")->type_name("PID");
  app.add_flag("--distinct", plain_.load.distinct_answers,
               "Count different answers, by model digest and content");
  app.add_flag("--quiet", plain_.quiet, "No line each second");
  app.add_flag("--json", plain_.json, "Print JSON");
  app.add_option("--output", plain_.output, "Write the JSON report to this file as well")
      ->type_name("FILE");
  app.add_option("--html", plain_.html, "Write a report with plots, one file that needs no network")
      ->type_name("FILE");
  app.add_option("--baseline", plain_.baseline,
                 "Compare with the JSON report in this file, of an earlier run")
      ->type_name("FILE");
}

Result<BenchOptions> BenchFlags::Read() const {
  if (plain_.url.empty()) {
    return InvalidArgument("which server? slipway bench URL, such as http://127.0.0.1:8000");
  }
  BenchOptions options = plain_;
  SLIPWAY_RETURN_IF_ERROR(ReadTimes(options));
  SLIPWAY_RETURN_IF_ERROR(ReadRequest(options));
  SLIPWAY_RETURN_IF_ERROR(ReadLoad(options));
  SLIPWAY_RETURN_IF_ERROR(CheckTogether(options));
  return options;
}

Status BenchFlags::ReadTimes(BenchOptions& options) const {
  options.duration_given = !duration_.empty();
  options.warmup_given = !warmup_.empty();
  SLIPWAY_RETURN_IF_ERROR(ReadDuration("--warmup", warmup_, options.load.warmup));
  SLIPWAY_RETURN_IF_ERROR(ReadDuration("--duration", duration_, options.load.duration));
  SLIPWAY_RETURN_IF_ERROR(ReadDuration("--timeout", timeout_, options.load.timeout));
  if (options.load.duration <= 0ns) return InvalidArgument("--duration: expected more than 0");
  if (options.load.timeout <= 0ns) return InvalidArgument("--timeout: expected more than 0");
  return base::OkStatus();
}

Status BenchFlags::ReadRequest(BenchOptions& options) const {
  for (const std::string& text : target_texts_) {
    SLIPWAY_ASSIGN_OR_RETURN(BenchTarget target, ParseBenchTarget(text));
    options.targets.push_back(std::move(target));
  }
  for (const std::string& header : options.headers) SLIPWAY_RETURN_IF_ERROR(CheckHeader(header));
  for (const std::string& text : shape_texts_) {
    SLIPWAY_RETURN_IF_ERROR(ParseShapeOption(text, options.body.shapes));
  }
  SLIPWAY_RETURN_IF_ERROR(CheckPath(options.path));
  if (protocol_ == "grpc") {
    options.protocol = BenchProtocol::kGrpc;
  } else if (http2_) {
    options.protocol = BenchProtocol::kRestHttp2;
  }
  options.tls.http2 = options.protocol != BenchProtocol::kRest;
  options.body.binary = format_ == "binary";
  options.body.seed = options.load.seed;
  return base::OkStatus();
}

Status BenchFlags::ReadLoad(BenchOptions& options) const {
  SLIPWAY_RETURN_IF_ERROR(ParseArrivals(arrivals_, options.arrivals));
  if (!rates_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(options.rates, ParseRates("--rate", rates_));
    std::ranges::sort(options.rates);
  }
  const int connections = connections_ > 0 ? connections_ : kDefaultConnections;
  options.concurrency = {connections * options.outstanding};
  if (!concurrency_.empty()) {
    if (connections_ > 0) {
      return InvalidArgument(
          "--concurrency does not go with --connections: there are as many connections as needed, "
          "with --outstanding requests on each");
    }
    SLIPWAY_ASSIGN_OR_RETURN(options.concurrency,
                             ParseCounts("--concurrency", concurrency_, kMaxConcurrency));
    std::ranges::sort(options.concurrency);
  }
  if (!options.against.empty() && options.rounds == 1) options.rounds = kRoundsAgainst;
  return base::OkStatus();
}

Status BenchFlags::CheckSweep(const BenchOptions& options) {
  if (options.rates.size() > 1 && options.concurrency.size() > 1) {
    return InvalidArgument("a sweep goes over --rate or over --concurrency, not over both");
  }
  if (options.targets.size() > 1 || !options.trace_file.empty()) {
    return InvalidArgument("a sweep takes one model, and no --trace");
  }
  if (options.rounds > 1 || !options.against.empty() || !options.baseline.empty()) {
    return InvalidArgument(
        "a sweep does not go with --rounds, --against or --baseline: compare single tests");
  }
  return base::OkStatus();
}

Status BenchFlags::CheckTogether(const BenchOptions& options) const {
  const bool grpc = options.protocol == BenchProtocol::kGrpc;
  if (grpc && (http2_ || options.body.binary || !options.path.empty())) {
    return InvalidArgument("--http2, --format and --path are for REST, not for --protocol grpc");
  }
  if (options.outstanding > 1 && options.protocol == BenchProtocol::kRest) {
    return InvalidArgument(
        "--outstanding is for gRPC and HTTP/2: HTTP/1.1 has one request at a time on a "
        "connection; --connections says how many there are");
  }
  const bool one_model = !options.model.empty() || !options.input_file.empty();
  if (!options.targets.empty() && (one_model || !options.path.empty())) {
    return InvalidArgument(
        "--target does not go with --model, --input or --path: it names model and file itself");
  }
  if (options.sweep()) SLIPWAY_RETURN_IF_ERROR(CheckSweep(options));
  if (!options.against.empty() && options.pid > 0) {
    return InvalidArgument("--pid names one server, so it does not go with --against");
  }
  if (!options.against.empty() && !options.baseline.empty()) {
    return InvalidArgument("--against and --baseline: one comparison at a time");
  }
  if (!options.trace_file.empty() && !options.rates.empty()) {
    return InvalidArgument("--trace says when requests are due, so it does not go with --rate");
  }
  const auto rated = [](const BenchTarget& target) { return target.rate > 0; };
  if (!options.trace_file.empty() && std::ranges::any_of(options.targets, rated)) {
    return InvalidArgument("--trace says when requests are due: give --target without @RATE");
  }
  return base::OkStatus();
}

}  // namespace slipway::app

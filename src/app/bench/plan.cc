#include "app/bench/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "app/bench/grpc_requests.h"
#include "app/bench/rest_requests.h"
#include "app/bench/trace.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using namespace std::chrono_literals;

constexpr uint64_t kMaxTraceBytes = uint64_t{1} << 30;
constexpr size_t kMaxRequestKinds = 1000;
constexpr uint64_t kMaxRequestBytes = uint64_t{2} << 30;

// Trace lines by the model that they are for.
using TraceByModel = std::map<std::string, std::vector<TraceLine>>;

class Planner {
 public:
  Planner(const BenchOptions& options, RequestMaker& maker, BenchPlan& plan)
      : options_(options), maker_(maker), plan_(plan) {}

  Status AddTargets(const ServerUrl& url, const CommandContext& context) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<TraceLine> trace, ReadTrace(context));
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<BenchTarget> targets, Targets(url, trace));
    TraceByModel by_model;
    for (const TraceLine& line : trace) {
      const std::string& model = line.model.empty() ? targets.front().model : line.model;
      by_model[model].push_back(line);
    }
    for (const BenchTarget& target : targets) {
      SLIPWAY_RETURN_IF_ERROR(AddTarget(target, by_model[target.model]));
    }
    if (!trace.empty()) SetTraceTimes(trace.back().offset);
    return base::OkStatus();
  }

 private:
  Result<std::vector<TraceLine>> ReadTrace(const CommandContext& context) const {
    if (options_.trace_file.empty()) return std::vector<TraceLine>();
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text,
                             context.fs.Read(options_.trace_file, kMaxTraceBytes));
    Result<std::vector<TraceLine>> trace = ParseTrace(text);
    if (!trace.ok()) return trace.status().WithContext(StrCat("trace '", options_.trace_file, "'"));
    return trace;
  }

  // Which models get load.
  Result<std::vector<BenchTarget>> Targets(const ServerUrl& url,
                                           const std::vector<TraceLine>& trace) {
    std::vector<BenchTarget> targets = options_.targets;
    std::set<std::string> named;
    for (const TraceLine& line : trace) named.insert(line.model);
    const bool unnamed = named.erase("") > 0;
    if (targets.empty() && (named.empty() || unnamed)) {
      SLIPWAY_ASSIGN_OR_RETURN(std::string model, OneModel(url));
      targets.push_back({.model = std::move(model), .input_file = options_.input_file});
    } else if (targets.empty()) {
      for (const std::string& model : named) {
        targets.push_back({.model = model, .input_file = options_.input_file});
      }
    }
    for (const std::string& model : named) {
      if (std::ranges::find(targets, model, &BenchTarget::model) == targets.end()) {
        return InvalidArgument(StrCat("the trace has model '", base::Printable(model),
                                      "', which no --target or --model names"));
      }
    }
    if (unnamed && targets.size() > 1) {
      return InvalidArgument("the trace has lines without a model, and there are several targets");
    }
    return targets;
  }

  Result<std::string> OneModel(const ServerUrl& url) {
    if (!options_.model.empty()) return options_.model;
    if (!url.model.empty() || !options_.path.empty()) return url.model;
    return maker_.OnlyModel();
  }

  Status AddTarget(const BenchTarget& target, const std::vector<TraceLine>& trace) {
    StreamPlan stream{.name = target.model, .server = {}, .requests = {}};
    stream.protocol = options_.protocol;
    stream.concurrency = options_.concurrency.front();
    stream.outstanding = options_.outstanding;
    stream.arrivals = options_.arrivals;
    stream.arrivals.rate = target.rate > 0          ? target.rate
                           : options_.rates.empty() ? 0
                                                    : options_.rates.front();
    if (!options_.trace_file.empty()) {
      if (trace.empty()) return base::OkStatus();
      SLIPWAY_RETURN_IF_ERROR(AddTraceRequests(target, trace, stream));
    } else {
      SLIPWAY_RETURN_IF_ERROR(AddRequest(target, options_.body.batch, stream));
    }
    plan_.streams.push_back(std::move(stream));
    return base::OkStatus();
  }

  Status AddRequest(const BenchTarget& target, int64_t rows, StreamPlan& stream) {
    SLIPWAY_ASSIGN_OR_RETURN(PreparedRequest request,
                             maker_.Make(target.model, rows, target.input_file));
    const bool given = request.format == "as given";
    request.wire.rows = given ? 1 : rows;
    bytes_ += request.wire.bytes.size();
    if (bytes_ > kMaxRequestBytes) {
      return base::ResourceExhausted("all requests together would be larger than 2 GiB");
    }
    if (stream.requests.empty()) {
      plan_.facts.push_back({.name = target.model,
                             .target = std::move(request.target),
                             .format = std::move(request.format),
                             .batch = given ? 1 : rows,
                             .request_bytes = request.wire.bytes.size()});
    }
    stream.requests.push_back(std::move(request.wire));
    return base::OkStatus();
  }

  Status AddTraceRequests(const BenchTarget& target, const std::vector<TraceLine>& trace,
                          StreamPlan& stream) {
    std::map<int64_t, size_t> request_of_rows;
    auto events = std::make_shared<std::vector<TraceEvent>>();
    for (const TraceLine& line : trace) {
      const int64_t rows = line.rows > 0 ? line.rows : options_.body.batch;
      if (line.rows > 0 && !target.input_file.empty()) {
        return InvalidArgument("the trace says how many rows, so the body cannot come from a file");
      }
      if (!request_of_rows.contains(rows)) {
        if (stream.requests.size() == kMaxRequestKinds) {
          return InvalidArgument(
              StrCat("the trace has more than ", kMaxRequestKinds, " different numbers of rows"));
        }
        request_of_rows[rows] = stream.requests.size();
        SLIPWAY_RETURN_IF_ERROR(AddRequest(target, rows, stream));
      }
      events->push_back({.offset = line.offset, .request = request_of_rows[rows]});
    }
    stream.arrivals.kind = ArrivalPlan::Kind::kTrace;
    stream.arrivals.trace = std::move(events);
    return base::OkStatus();
  }

  void SetTraceTimes(std::chrono::nanoseconds last) {
    if (!options_.duration_given) plan_.load.duration = last + 1ms;
    if (!options_.warmup_given) plan_.load.warmup = 200ms;  // to open connections
  }

  const BenchOptions& options_;
  RequestMaker& maker_;
  BenchPlan& plan_;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<BenchPlan> MakeBenchPlan(const BenchOptions& options, const std::string& url,
                                const CommandContext& context) {
  SLIPWAY_ASSIGN_OR_RETURN(const ServerUrl parsed, ParseServerUrl(url));
  BenchPlan plan;
  plan.server = parsed.server;
  plan.load = options.load;
  SLIPWAY_ASSIGN_OR_RETURN(plan.tls, MakeTls(parsed.server, options.tls, context.fs));
  SLIPWAY_ASSIGN_OR_RETURN(const net::ServerName to, net::ServerName::Resolve(parsed.server));
  SLIPWAY_ASSIGN_OR_RETURN(const std::unique_ptr<RequestMaker> maker,
                           options.protocol == BenchProtocol::kGrpc
                               ? GrpcRequests::Create(options, parsed, to, plan.tls, context)
                               : RestRequests::Create(options, parsed, to, context));
  SLIPWAY_RETURN_IF_ERROR(Planner(options, *maker, plan).AddTargets(parsed, context));
  for (StreamPlan& stream : plan.streams) {
    stream.server = {.address = to.address, .tls = plan.tls.get(), .host = to.host};
  }
  return plan;
}

}  // namespace slipway::app

#include "frontend/openinference/model_task.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "base/str_cat.h"
#include "inference/model_runtime.h"

namespace slipway::frontend::openinference {
namespace {

using base::Status;
using base::StatusCode;
using base::SteadyTime;
using monitor::Phase;

// `begin` + `timeout`; never when that lies beyond what the clock can say.
SteadyTime After(SteadyTime begin, uint64_t timeout_us) {
  constexpr uint64_t kFar = 1'000'000ULL * 3600 * 24 * 365;
  if (timeout_us == 0 || timeout_us > kFar) return SteadyTime::max();
  return begin + std::chrono::microseconds(timeout_us);
}

}  // namespace

Status ModelTask::Begin(const Arrival& arrival, const RequestIds& ids) {
  arrival_ = arrival;
  ids_ = ids;
  client = arrival.client;
  received_ = services_.clock.SteadyNow();
  deadline.at = arrival.deadline;
  Status admitted = services_.dispatcher.Admit(*this);
  request_.regions.Begin(services_.shared_memory, arrival.peer);
  request_.has_sequences = inference::ModelRuntime::Of(*model).sequences() != nullptr;
  services_.dispatcher.stats(*this).AddInFlight(services_.dispatcher.shard(), 1);
  return admitted;
}

Status ModelTask::Prepare() {
  if (request_.strict && !request_.ignored.empty()) {
    return base::InvalidArgument(
        base::StrCat("not understood, and the request is strict: ", request_.ignored));
  }
  outputs.clear();
  for (const RequestedOutput& output : request_.outputs) outputs.push_back(output.index);
  const bool has_rows = model->engine().signature().batched() && !inputs.empty() &&
                        !inputs[0].absent() && inputs[0].shape().rank() > 0;
  rows = has_rows ? inputs[0].shape()[0] : 1;
  deadline = {.at = std::min(arrival_.deadline, After(received_, request_.timeout_us))};
  const std::chrono::nanoseconds limit = inference::ModelRuntime::Of(*model).timeout();
  if (limit.count() > 0) deadline.at = std::min(deadline.at, received_ + limit);
  priority = request_.priority;
  sequence = request_.sequence;
  return base::OkStatus();
}

Status ModelTask::OfModel(const Status& done) const {
  if (done.ok() || done.message().starts_with("model '")) return done;
  return done.WithContext(base::StrCat(model->id()));
}

void ModelTask::Record(const Status& done) {
  inference::Dispatcher& dispatcher = services_.dispatcher;
  const SteadyTime sent = services_.clock.SteadyNow();
  const bool ran = infer_end != SteadyTime();
  monitor::RequestSample sample{.code = done.code(),
                                .protocol = protocol_,
                                .rows = rows,
                                .total = sent - arrival_.first_byte_at,
                                .phases = {},
                                .ran = source == inference::AnswerSource::kRun};
  const auto set = [&sample](Phase phase, SteadyTime from, SteadyTime to) {
    sample.phases[static_cast<size_t>(phase)] = to - from;
  };
  set(Phase::kReceive, arrival_.first_byte_at, arrival_.complete_at);
  set(Phase::kInput, received_, submitted_);
  if (ran) {
    set(Phase::kQueue, submitted_, infer_begin);
    set(Phase::kInfer, infer_begin, infer_end);
  }
  set(Phase::kOutput, ran ? infer_end : submitted_, encoded_);
  set(Phase::kSend, encoded_, sent);
  monitor::ModelStats& stats = dispatcher.stats(*this);
  stats.AddInFlight(dispatcher.shard(), -1);
  stats.Record(dispatcher.shard(), sample, services_.clock.SystemNow());
  if (trace_ != 0) WriteTrace(done, sent);
}

void ModelTask::ChooseTrace() {
  monitor::RequestTracer* const tracer = services_.tracer;
  if (tracer == nullptr || !tracer->active()) return;
  trace_ = tracer->Sample(model->id().name);
  if (trace_ == 0) return;
  traced_request_ = ids_.request_id;
  traced_context_ = ids_.trace ? ids_.trace->trace_id : "";
}

// The names of the moments are Triton's.
void ModelTask::WriteTrace(const Status& done, SteadyTime sent) {
  using Event = monitor::RequestTracer::Event;
  const bool rest = protocol_ == monitor::Protocol::kRest;
  const bool ran = source == inference::AnswerSource::kRun && infer_end != SteadyTime();
  const SteadyTime begun = ran ? infer_begin : submitted_;
  const SteadyTime ended = ran ? infer_end : submitted_;
  const std::array<Event, 11> events = {
      Event{rest ? "HTTP_RECV_START" : "GRPC_WAITREAD_START", arrival_.first_byte_at},
      {rest ? "HTTP_RECV_END" : "GRPC_WAITREAD_END", arrival_.complete_at},
      {"REQUEST_START", received_},
      {rest ? "HTTP_SEND_START" : "GRPC_SEND_START", encoded_},
      {rest ? "HTTP_SEND_END" : "GRPC_SEND_END", sent},
      {"REQUEST_END", encoded_},
      {"QUEUE_START", submitted_},
      {"COMPUTE_START", begun},
      {"COMPUTE_INPUT_END", begun},
      {"COMPUTE_OUTPUT_START", ended},
      {"COMPUTE_END", ended}};
  constexpr size_t kWithoutRun = 6;
  services_.tracer->Write({.id = trace_,
                           .model = model->id().name,
                           .version = model->id().version,
                           .request_id = traced_request_,
                           .trace_id = traced_context_,
                           .code = base::StatusCodeName(done.code()),
                           .events = std::span(events).first(ran ? events.size() : kWithoutRun)});
}

void ModelTask::Log(const Status& done) {
  ChooseTrace();
  const bool failed = done.code() == StatusCode::kInternal || done.code() == StatusCode::kDataLoss;
  const base::LogLevel level = failed ? base::LogLevel::kWarn : base::LogLevel::kDebug;
  if (!services_.log.Enabled(level)) return;
  const auto took = encoded_ - arrival_.first_byte_at;
  services_.log.Log(
      level, failed ? "inference failed" : "inference request",
      {{"model", model->id().name},
       {"version", model->id().version},
       {"protocol", monitor::ProtocolName(protocol_)},
       {"code", base::StatusCodeName(done.code())},
       {"error", done.message()},
       {"rows", rows},
       {"took_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count()},
       {"peer", arrival_.peer},
       {"request_id", ids_.request_id},
       {"trace_id", ids_.trace ? std::string_view(ids_.trace->trace_id) : std::string_view()}});
}

void ModelTask::ForgetClient() {
  ids_ = {};
  arrival_.peer = {};
}

void ModelTask::Recycle() {
  InferCall::Reset();
  request_.Reset();
  ids_ = {};
  trace_ = 0;
}

}  // namespace slipway::frontend::openinference

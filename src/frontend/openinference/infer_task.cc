#include "frontend/openinference/infer_task.h"

#include <chrono>
#include <optional>

#include "base/str_cat.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/infer_encoder.h"

namespace slipway::frontend::openinference {
namespace {

using base::Status;
using base::StatusCode;
using base::SteadyTime;
using monitor::Phase;

// `base` + `timeout`; never when that lies beyond what the clock can say.
base::Deadline DeadlineAfter(SteadyTime begin, uint64_t timeout_us) {
  constexpr uint64_t kFar = 1'000'000ULL * 3600 * 24 * 365;
  if (timeout_us == 0 || timeout_us > kFar) return base::Deadline::Never();
  return {begin + std::chrono::microseconds(timeout_us)};
}

// The status with the model in front, unless whoever made it has put it there.
Status OfModel(const lifecycle::LoadedModel& model, const Status& status) {
  if (status.ok() || status.message().starts_with("model '")) return status;
  return status.WithContext(base::StrCat(model.id()));
}

}  // namespace

void InferTask::Run(Kind kind, net::Exchange& exchange, const RequestIds& ids) {
  kind_ = kind;
  exchange_ = &exchange;
  ids_ = ids;
  received_ = pool_.clock().SteadyNow();
  pool_.dispatcher().stats(*this).AddInFlight(pool_.dispatcher().shard(), 1);
  const Status decoded = Decode();
  submitted_ = pool_.clock().SteadyNow();
  if (!decoded.ok()) {
    Finish(OfModel(*model, decoded));
    return;
  }
  exchange.set_on_client_gone([this] { abandoned.store(true, std::memory_order_relaxed); });
  pool_.dispatcher().Submit(*this);
}

Status InferTask::Decode() {
  const std::string_view query = exchange_->request().query;
  request_.strict = QueryFlag(query, "strict");
  request_.literal_not_finite = QueryValue(query, "nan") == "literal";
  SLIPWAY_RETURN_IF_ERROR(DecodeBody());
  if (request_.strict && !request_.ignored.empty()) {
    return base::InvalidArgument(
        base::StrCat("not understood, and the request is strict: ", request_.ignored));
  }
  Prepare();
  return base::OkStatus();
}

Status InferTask::DecodeBody() {
  const net::HttpRequest& http = exchange_->request();
  const tensor::Signature& signature = model->engine().signature();
  if (kind_ != Kind::kInfer) {
    return DecodeGenerate(http.body, signature, request_, decoder_, inputs);
  }
  std::optional<std::string_view> header_length;
  if (http.HasHeader(kHeaderLengthName)) header_length = http.Header(kHeaderLengthName);
  SLIPWAY_ASSIGN_OR_RETURN(const InferBody body, InferBody::Divide(http.body, header_length));
  return decoder_.Decode(body, signature, request_, inputs);
}

// Fills in what the lanes want to know.
void InferTask::Prepare() {
  outputs.clear();
  for (const RequestedOutput& output : request_.outputs) outputs.push_back(output.index);
  const bool has_rows = model->engine().signature().batched() && !inputs.empty() &&
                        !inputs[0].absent() && inputs[0].shape().rank() > 0;
  rows = has_rows ? inputs[0].shape()[0] : 1;
  deadline = DeadlineAfter(received_, request_.timeout_us);
  priority = request_.priority;
}

void InferTask::OnDone() {
  pool_.dispatcher().RecordExecution(*this);
  Finish(OfModel(*model, status.ok() ? Encode() : status));
}

Status InferTask::Encode() {
  net::HttpResponse& response = exchange_->response();
  if (kind_ == Kind::kInfer) return EncodeInferResponse(*model, request_, results, response);
  return EncodeGenerate(*model, request_, results, kind_ == Kind::kGenerateStream, response);
}

void InferTask::Finish(Status done) {
  net::HttpResponse& response = exchange_->response();
  if (!done.ok()) {
    response.Clear();
    SetError(done, response);
  }
  AddModelHeader(*model, response);
  ids_.AddTo(response);
  if (!request_.ignored.empty()) {
    response.AddHeader("slipway-warning", base::StrCat("ignored ", request_.ignored));
  }
  const SteadyTime encoded = pool_.clock().SteadyNow();
  // The ids view the request, which ends with Send().
  Log(done, encoded);
  const SteadyTime first_byte = exchange_->request().first_byte_at;
  const SteadyTime complete = exchange_->request().complete_at;
  exchange_->Send();
  exchange_ = nullptr;
  Record(done, encoded, first_byte, complete);
  pool_.Give(*this);
}

void InferTask::Record(const Status& done, SteadyTime encoded, SteadyTime first_byte,
                       SteadyTime complete) {
  inference::Dispatcher& dispatcher = pool_.dispatcher();
  const SteadyTime sent = pool_.clock().SteadyNow();
  const bool ran = infer_end != SteadyTime();
  monitor::RequestSample sample{.code = done.code(),
                                .protocol = monitor::Protocol::kRest,
                                .rows = rows,
                                .total = sent - first_byte,
                                .phases = {}};
  const auto set = [&sample](Phase phase, SteadyTime from, SteadyTime to) {
    sample.phases[static_cast<size_t>(phase)] = to - from;
  };
  set(Phase::kReceive, first_byte, complete);
  set(Phase::kInput, received_, submitted_);
  if (ran) {
    set(Phase::kQueue, submitted_, infer_begin);
    set(Phase::kInfer, infer_begin, infer_end);
  }
  set(Phase::kOutput, ran ? infer_end : submitted_, encoded);
  set(Phase::kSend, encoded, sent);
  monitor::ModelStats& stats = dispatcher.stats(*this);
  stats.AddInFlight(dispatcher.shard(), -1);
  stats.Record(dispatcher.shard(), sample, pool_.clock().SystemNow());
}

// Every request at DEBUG; a failure that is not the client's at WARN.
void InferTask::Log(const Status& done, SteadyTime now) {
  const bool failed = done.code() == StatusCode::kInternal || done.code() == StatusCode::kDataLoss;
  const base::LogLevel level = failed ? base::LogLevel::kWarn : base::LogLevel::kDebug;
  if (!pool_.log().Enabled(level)) return;
  const auto took = now - exchange_->request().first_byte_at;
  pool_.log().Log(
      level, failed ? "inference failed" : "inference request",
      {{"model", model->id().name},
       {"version", model->id().version},
       {"code", base::StatusCodeName(done.code())},
       {"error", done.message()},
       {"rows", rows},
       {"took_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count()},
       {"peer", exchange_->request().peer},
       {"request_id", ids_.request_id},
       {"trace_id", ids_.trace ? std::string_view(ids_.trace->trace_id) : std::string_view()}});
}

InferTask& InferTaskPool::Take() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<InferTask>(*this));
    free_.reserve(all_.size());
    return *all_.back();
  }
  InferTask& task = *free_.back();
  free_.pop_back();
  return task;
}

void InferTaskPool::Give(InferTask& task) {
  task.Reset();
  task.request_.Reset();
  task.decoder_.Reset();
  free_.push_back(&task);
}

}  // namespace slipway::frontend::openinference

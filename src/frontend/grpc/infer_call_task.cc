#include "frontend/grpc/infer_call_task.h"

#include <optional>
#include <utility>

#include "base/str_cat.h"
#include "frontend/client_identity.h"
#include "frontend/grpc/infer_response.h"
#include "frontend/openinference/model_finder.h"

namespace slipway::frontend::grpc {

using base::Status;

Status MessageTask::FindModelOf(const InferMessage& message) {
  if (message.model_name.empty()) return base::InvalidArgument("model_name is missing");
  std::optional<int64_t> version;
  SLIPWAY_RETURN_IF_ERROR(
      openinference::ParseVersion(message.model_name, message.model_version, version));
  return openinference::FindModel(call_services_.front.dispatcher, call_services_.front.control,
                                  message.model_name, version, *this);
}

Status MessageTask::Decode(const net::GrpcRequest& call, const RequestIds& ids) {
  SLIPWAY_RETURN_IF_ERROR(request_message_.Read(message_.bytes));
  SLIPWAY_RETURN_IF_ERROR(FindModelOf(request_message_));
  Status decoded = Begin({.first_byte_at = message_.first_byte_at,
                          .complete_at = message_.complete_at,
                          .peer = call.peer,
                          .client = ClientOf(call, call_services_.front.client_header),
                          .deadline = call.deadline.at},
                         ids);
  if (decoded.ok()) {
    decoded = decoder_.Decode(request_message_, model->engine().signature(), request_, inputs);
  }
  if (decoded.ok()) decoded = Prepare();
  EndInput();
  return OfModel(decoded);
}

void MessageTask::Recycle() {
  ModelTask::Recycle();
  decoder_.Reset();
  message_ = {};
}

InferCallTask::InferCallTask(InferCallPool& pool) : MessageTask(pool.services()), pool_(pool) {}

void InferCallTask::OnMessage(net::GrpcMessage message) {
  if (++messages_ == 1) message_ = std::move(message);
}

void InferCallTask::OnEndOfMessages() {
  const RequestIds ids = RequestIds::Of(call_->request(), pool_.services().random);
  ids_ = ids;
  if (messages_ != 1) {
    Finish(base::InvalidArgument(base::StrCat("expected one message, got ", messages_)));
    return;
  }
  const Status decoded = Decode(call_->request(), ids);
  if (!decoded.ok()) {
    Finish(decoded);
    return;
  }
  submitted_ = true;
  Submit();
}

void InferCallTask::OnCancelled() {
  abandoned.store(true, std::memory_order_relaxed);
  // What was submitted comes back through OnDone().
  if (!submitted_) Finish(base::Cancelled("the client cancelled the call before it was complete"));
}

void InferCallTask::OnDone() {
  services().dispatcher.RecordExecution(*this);
  if (status.ok()) {
    status = WriteInferResponse(*model, request_, nullptr, results, call_->reply());
  }
  Finish(OfModel(status));
}

void InferCallTask::AddMetadata() {
  if (model != nullptr) call_->AddMetadata("slipway-model-digest", model->digest());
  ids_.AddTo(*call_);
  if (source != inference::AnswerSource::kRun) {
    call_->AddMetadata("slipway-cache", CacheHeader(source));
  }
  if (!diverted_from.empty()) call_->AddMetadata("slipway-diverted-from", diverted_from);
  if (!request_.ignored.empty()) {
    call_->AddMetadata("slipway-warning", base::StrCat("ignored ", request_.ignored));
  }
}

void InferCallTask::Finish(const Status& done) {
  AddMetadata();
  const bool counted = model != nullptr;
  if (counted) {
    EndOutput();
    Log(done);  // the ids view the call, which ends with Finish()
  }
  if (done.ok()) {
    call_->Send();
  } else {
    // What REST says with Retry-After. Source: gRFC A6, "Pushback".
    if (done.code() == base::StatusCode::kResourceExhausted ||
        done.code() == base::StatusCode::kUnavailable) {
      call_->AddMetadata("grpc-retry-pushback-ms", "1000");
    }
    call_->reply().body.clear();
    call_->reply().tail.clear();
  }
  call_->Finish(done);
  call_ = nullptr;
  if (counted) Record(done);
  pool_.Give(*this);
}

void InferCallTask::Recycle() {
  MessageTask::Recycle();
  messages_ = 0;
  submitted_ = false;
}

}  // namespace slipway::frontend::grpc

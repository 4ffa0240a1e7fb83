#include "frontend/grpc/unary_call.h"

#include <utility>

#include "base/str_cat.h"
#include "frontend/request_ids.h"

namespace slipway::frontend::grpc {

using base::Status;

void UnaryCall::Start(net::GrpcCall& call, Answer answer) {
  call_ = &call;
  answer_ = answer;
}

void UnaryCall::OnMessage(net::GrpcMessage message) {
  if (++messages_ == 1) message_ = std::move(message);
}

void UnaryCall::OnEndOfMessages() {
  RequestIds::Of(call_->request(), pool_.services().random).AddTo(*call_);
  if (messages_ != 1) {
    Finish(base::InvalidArgument(base::StrCat("expected one message, got ", messages_)));
    return;
  }
  answering_ = true;
  answer_(*this);
}

void UnaryCall::OnCancelled() {
  // What is being answered ends by itself.
  if (!answering_) Finish(base::Cancelled("the client cancelled the call before it was complete"));
}

void UnaryCall::Finish(const Status& status) {
  if (status.ok()) {
    call_->Send();
  } else {
    call_->reply().body.clear();
  }
  call_->Finish(status);
  pool_.Give(*this);
}

ModelControl::Done UnaryCall::FinishLater() {
  return [this, &loop = services().loop](const Status& status) {
    loop.Post([this, status] { Finish(status); });
  };
}

void UnaryCall::Recycle() {
  call_ = nullptr;
  answer_ = nullptr;
  message_ = {};
  messages_ = 0;
  answering_ = false;
}

}  // namespace slipway::frontend::grpc

#include "frontend/grpc/infer_stream.h"

#include <utility>

#include "base/str_cat.h"
#include "frontend/grpc/infer_response.h"

namespace slipway::frontend::grpc {

using base::Status;

StreamTask::StreamTask(StreamTaskPool& pool) : MessageTask(pool.services()) {}

void StreamTask::Run(InferStream& stream, net::GrpcMessage message) {
  stream_ = &stream;
  message_ = std::move(message);
  Status decoded = Decode(stream.call_->request(), stream.ids_);
  if (!decoded.ok()) {
    Complete(std::move(decoded));
    return;
  }
  Submit();
}

// The model may go as soon as this returns, so its part of the response is made here, even if it is
// not the response's turn yet.
void StreamTask::OnDone() {
  services().dispatcher.RecordExecution(*this);
  if (status.ok() && stream_->call_ != nullptr) {
    const StreamParameters parameters = {.final = true,
                                         .digest = model->digest(),
                                         .ignored = request_.ignored,
                                         .cache = CacheHeader(source),
                                         .diverted_from = diverted_from};
    status = WriteInferResponse(*model, request_, &parameters, results, made_);
  }
  Complete(OfModel(status));
}

void StreamTask::Complete(Status done) {
  if (model != nullptr) {
    EndOutput();
    Log(done);
    Record(done);
  }
  result_ = std::move(done);
  done_ = true;
  stream_->OnTaskDone();
}

void StreamTask::Recycle() {
  MessageTask::Recycle();
  stream_ = nullptr;
  next_ = nullptr;
  done_ = false;
  result_ = base::OkStatus();
  made_.body.clear();
  made_.tail.clear();
}

void InferStream::Start(net::GrpcCall& call, StreamTaskPool& tasks) {
  tasks_ = &tasks;
  call_ = &call;
  ids_ = RequestIds::Of(call.request(), pool_.services().random);
  ids_.AddTo(call);
  for (const net::HttpHeader& header : call.request().metadata) {
    if (header.name == "triton_grpc_error") fail_fast_ = header.value == "true";
  }
}

void InferStream::OnMessage(net::GrpcMessage message) {
  StreamTask& task = tasks_->Take();
  (last_ == nullptr ? first_ : last_->next_) = &task;
  last_ = &task;
  ++running_;
  starting_ = true;
  task.Run(*this, std::move(message));
  starting_ = false;
  Pump();
}

void InferStream::OnEndOfMessages() {
  ended_ = true;
  Pump();
}

void InferStream::OnWritable() {
  blocked_ = false;
  Pump();
}

void InferStream::OnCancelled() {
  End(base::Cancelled("the client cancelled the stream"));
  Pump();
}

void InferStream::OnTaskDone() {
  if (!starting_) Pump();
}

// Ends the call; tasks that still run are waited for, their answers dropped.
void InferStream::End(const Status& status) {
  for (StreamTask* task = first_; task != nullptr; task = task->next_) {
    task->abandoned.store(true, std::memory_order_relaxed);
    task->ForgetClient();
  }
  net::GrpcCall& call = *call_;
  call_ = nullptr;
  ids_ = {};
  call.Finish(status);
}

void InferStream::Pump() {
  while (call_ != nullptr && !blocked_ && first_ != nullptr && first_->done_) SendFirst();
  if (call_ != nullptr && ended_ && first_ == nullptr) End(base::OkStatus());
  if (call_ != nullptr) {
    HoldIfFull();
    return;
  }
  while (first_ != nullptr && first_->done_) DropFirst();
  if (first_ == nullptr) pool_.Give(*this);
}

void InferStream::HoldIfFull() {
  const bool hold = blocked_ || running_ >= kMaxRunning;
  if (hold == held_) return;
  held_ = hold;
  call_->HoldMessages(hold);
}

void InferStream::SendFirst() {
  StreamTask& task = *first_;
  if (!task.result_.ok() && fail_fast_) {
    const Status status = task.result_;
    DropFirst();
    End(status);
    return;
  }
  if (task.result_.ok()) {
    WrapStreamResponse(task.made_, call_->reply());
  } else {
    const InferMessage& request = task.request_message_;
    WriteStreamError(task.result_.message(), request.model_name, request.model_version, request.id,
                     call_->reply());
  }
  DropFirst();
  blocked_ = !call_->Send();
}

void InferStream::DropFirst() {
  StreamTask& task = *first_;
  first_ = task.next_;
  if (first_ == nullptr) last_ = nullptr;
  --running_;
  tasks_->Give(task);
}

void InferStream::Recycle() {
  call_ = nullptr;
  ids_ = {};
  fail_fast_ = ended_ = blocked_ = held_ = false;
}

}  // namespace slipway::frontend::grpc

#include "frontend/grpc/health.h"

#include <algorithm>
#include <array>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/method_table.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/request_ids.h"

namespace slipway::frontend::grpc {

using base::Status;

ServingStatus StatusOf(const Services& services, std::string_view service) {
  const bool ready = services.state.ready() && !services.state.draining();
  if (service.empty() || IsService(service)) {
    return ready ? ServingStatus::kServing : ServingStatus::kNotServing;
  }
  if (services.dispatcher.snapshot().Find(service) != nullptr) {
    return services.state.draining() ? ServingStatus::kNotServing : ServingStatus::kServing;
  }
  return services.control.Find(service).empty() ? ServingStatus::kServiceUnknown
                                                : ServingStatus::kNotServing;
}

void HealthCheck(UnaryCall& call) {
  std::array<std::string_view, 1> service;
  Status status = ReadTextFields(call.message(), service);
  if (status.ok()) {
    const ServingStatus health = StatusOf(call.services(), service[0]);
    WriteNumber(1, static_cast<uint64_t>(health), call.reply());
    if (health == ServingStatus::kServiceUnknown) {
      status = base::NotFound(
          base::StrCat("there is no service or model '", base::Printable(service[0]), "'"));
    }
  }
  call.Finish(status);
}

void HealthWatch::Start(net::GrpcCall& call, HealthWatches& watches) {
  call_ = &call;
  watches_ = &watches;
}

void HealthWatch::OnMessage(net::GrpcMessage message) {
  if (++messages_ > 1) return;
  std::array<std::string_view, 1> service;
  read_ = ReadTextFields(message.bytes, service);
  service_ = service[0];
}

void HealthWatch::OnEndOfMessages() {
  RequestIds::Of(call_->request(), pool_.services().random).AddTo(*call_);
  if (messages_ != 1) {
    read_ = base::InvalidArgument(base::StrCat("expected one message, got ", messages_));
  }
  if (!read_.ok()) {
    End(read_);
    return;
  }
  watching_ = true;
  watches_->Add(*this);
  Update();
}

void HealthWatch::OnWritable() {
  blocked_ = false;
  if (watching_) Update();
}

void HealthWatch::OnCancelled() { End(base::Cancelled("the client cancelled the watch")); }

void HealthWatch::Update() {
  const Services& services = pool_.services().front;
  const ServingStatus now = StatusOf(services, service_);
  if (now != sent_ && !blocked_) {
    WriteNumber(1, static_cast<uint64_t>(now), call_->reply().body);
    sent_ = now;
    blocked_ = !call_->Send();
  }
  // Else the connection could not be drained.
  if (services.state.draining()) End(base::Unavailable("the server is shutting down"));
}

void HealthWatch::End(const Status& status) {
  if (watching_) watches_->Remove(*this);
  call_->Finish(status);
  pool_.Give(*this);
}

void HealthWatch::Recycle() {
  call_ = nullptr;
  watches_ = nullptr;
  service_.clear();
  messages_ = 0;
  read_ = base::OkStatus();
  watching_ = blocked_ = false;
  sent_ = ServingStatus::kUnknown;
}

void HealthWatches::Add(HealthWatch& watch) {
  watches_.push_back(&watch);
  if (scheduled_) return;
  scheduled_ = true;
  schedule_(kPeriod, [this] { Tick(); });
}

void HealthWatches::Remove(HealthWatch& watch) { std::erase(watches_, &watch); }

void HealthWatches::Tick() {
  scheduled_ = false;
  // Backwards: a watch may end and go.
  for (size_t i = watches_.size(); i > 0; --i) watches_[i - 1]->Update();
  if (watches_.empty()) return;
  scheduled_ = true;
  schedule_(kPeriod, [this] { Tick(); });
}

}  // namespace slipway::frontend::grpc

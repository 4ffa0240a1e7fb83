// Http2GrpcCall, first half: what comes from the client. The second is in http2_grpc_reply.cc.

#include "net/http2_grpc_call.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "net/io_context.h"

namespace slipway::net {
namespace {

// A small message gets a page of its own, so that is what it costs.
constexpr size_t kLeastMessageBytes = 4096 - BufferPool::kPadding;

base::Status StatusOf(const HttpError& error) {
  return {GrpcCodeOfHttpStatus(error.status), error.message};
}

}  // namespace

EventLoop& Http2GrpcCall::loop() { return io().loop; }

void Http2GrpcCall::GiveBack() { io().http2.calls.Give(*this); }

void Http2GrpcCall::Reset() {
  ResetStream();
  state_ = State::kNew;
  request_ = GrpcRequest();
  receiver_ = nullptr;
  cancelled_ = end_told_ = held_ = resume_ = want_writable_ = false;
  gzip_requests_ = gzip_answers_ = false;
  DropInput();
  metadata_.clear();
  reply_.body.clear();
  reply_.tail.clear();
  status_message_.clear();
}

void Http2GrpcCall::OnHead() {
  if (const base::Status status = ReadHead(); !status.ok()) {
    io().counters.protocol_errors.Add(1);
    SendStatus(status);
    return;
  }
  if (request_.deadline.at != base::SteadyTime::max()) Watch(request_.deadline.at);
  io().counters.requests.Add(1);
  state_ = State::kOpen;
  GrpcHandler* handler = io().handler->grpc();
  receiver_ = handler == nullptr ? nullptr : handler->OnCall(*this);
  if (receiver_ != nullptr || state_ == State::kFinished) return;
  Finish(base::Unimplemented(
      base::StrCat("unknown method '", base::Printable(request_.path, 200), "'")));
}

base::Status Http2GrpcCall::ReadHead() {
  request_.path = head().path;
  request_.metadata = head().headers;
  request_.first_byte_at = first_byte_at();
  request_.peer = peer();
  request_.client = client();
  bool accepts_gzip = false;
  for (const HttpHeader& header : head().headers) {
    if (header.name == "grpc-timeout") {
      const auto timeout = ParseGrpcTimeout(header.value);
      if (!timeout.has_value()) {
        return base::Internal(
            base::StrCat("grpc-timeout: expected up to 8 digits and a unit of "
                         "HMSmun, got '",
                         base::Printable(header.value), "'"));
      }
      request_.deadline.at =
          first_byte_at() + std::chrono::duration_cast<base::SteadyTime::duration>(*timeout);
      if (timeout->count() == 0) return base::DeadlineExceeded("grpc-timeout: no time is left");
    } else if (header.name == "grpc-encoding") {
      gzip_requests_ = header.value == "gzip";
      if (!gzip_requests_ && header.value != "identity") {
        return base::Unimplemented(base::StrCat("grpc-encoding: expected identity or gzip, got '",
                                                base::Printable(header.value), "'"));
      }
    } else if (header.name == "grpc-accept-encoding") {
      accepts_gzip = header.value.find("gzip") != std::string_view::npos;
    }
  }
  // A client that compresses wants to save bytes; others want to save time.
  gzip_answers_ = gzip_requests_ && accepts_gzip;
  return base::OkStatus();
}

void Http2GrpcCall::OnData(std::string_view bytes) {
  if (!taking_messages()) return Consume(bytes.size());
  if (held_ || backlog_size_ > 0) return KeepForLater(bytes);
  const size_t before = bytes.size();
  TakeMessages(bytes);
  if (taking_messages() && !bytes.empty()) {
    Consume(before - bytes.size());
    KeepForLater(bytes);
  } else {
    Consume(before);
  }
}

std::span<std::byte> Http2GrpcCall::DataRoom() {
  const bool coming = taking_messages() && !held_ && backlog_size_ == 0 &&
                      prefix_size_ == GrpcPrefix::kBytes && prefix_.flag == 0;
  if (!coming) return {};
  return {message_.data() + message_received_, prefix_.length - message_received_};
}

void Http2GrpcCall::TakeMessages(std::string_view& bytes) {
  while (!bytes.empty() && taking_messages() && !held_) {
    base::Status status;
    if (prefix_size_ < GrpcPrefix::kBytes) {
      if (prefix_size_ == 0) message_since_ = now();
      const size_t taken = std::min(GrpcPrefix::kBytes - prefix_size_, bytes.size());
      std::memcpy(prefix_bytes_.data() + prefix_size_, bytes.data(), taken);
      prefix_size_ += taken;
      bytes.remove_prefix(taken);
      if (prefix_size_ == GrpcPrefix::kBytes) status = BeginMessage();
    } else {
      const size_t taken = std::min<size_t>(prefix_.length - message_received_, bytes.size());
      status = AddToMessage(bytes.substr(0, taken));
      message_received_ += taken;
      bytes.remove_prefix(taken);
    }
    if (status.ok() && prefix_size_ == GrpcPrefix::kBytes && message_received_ == prefix_.length) {
      status = CompleteMessage();
    }
    if (!status.ok()) Cancel(status);
  }
  if (prefix_size_ > 0 && taking_messages()) Watch(InputDeadline());
}

base::Status Http2GrpcCall::BeginMessage() {
  prefix_ = ParseGrpcPrefix(prefix_bytes_);
  message_received_ = 0;
  if (prefix_.flag > 1) {
    return base::Internal(base::StrCat("message: expected a compressed-flag of 0 or 1, got ",
                                       static_cast<int>(prefix_.flag)));
  }
  if (prefix_.flag == 1 && !gzip_requests_) {
    return base::Internal("message: it is marked as compressed, but grpc-encoding names no coding");
  }
  if (prefix_.length > io().limits.max_body_bytes) {
    return StatusOf(TooLarge(base::StrCat("message of ", prefix_.length, " bytes"), "max_body",
                             io().limits.max_body_bytes));
  }
  if (prefix_.flag == 1) {
    if (collector_ == nullptr) {
      collector_ = std::make_unique<BodyCollector>(io().buffers, io().budget, io().limits);
    }
    collector_->Begin(ContentCoding::kGzip);
    return base::OkStatus();
  }
  const size_t size = std::max<size_t>(prefix_.length, kLeastMessageBytes);
  message_ = io().buffers.TryTake(size);
  if (!message_.empty()) return base::OkStatus();
  return StatusOf(BudgetError(io().budget, BufferPool::CostOf(size)));
}

base::Status Http2GrpcCall::AddToMessage(std::string_view bytes) {
  if (prefix_.flag == 0) {
    std::byte* to = message_.data() + message_received_;
    if (reinterpret_cast<const char*>(to) != bytes.data()) {  // else received there (DataRoom())
      std::memcpy(to, bytes.data(), bytes.size());
    }
    return base::OkStatus();
  }
  const HttpError error = collector_->Append(bytes);
  return error ? StatusOf(error) : base::OkStatus();
}

base::Status Http2GrpcCall::CompleteMessage() {
  size_t size = prefix_.length;
  if (prefix_.flag == 1) {
    if (size == 0) return base::Internal("message: the compressed data ends too early");
    if (const HttpError error = collector_->Finish()) return StatusOf(error);
    size = collector_->size();
    message_ = collector_->Take();
    if (message_.empty()) message_ = io().buffers.TryTake(kLeastMessageBytes);
    if (message_.empty()) {
      return StatusOf(BudgetError(io().budget, BufferPool::CostOf(kLeastMessageBytes)));
    }
  }
  GrpcMessage message{.storage = std::move(message_),
                      .bytes = {},
                      .first_byte_at = message_since_,
                      .complete_at = now()};
  message.bytes = {message.storage.data(), size};
  prefix_size_ = message_received_ = 0;
  receiver_->OnMessage(std::move(message));
  return base::OkStatus();
}

// What comes while the receiver cannot take it: at most a stream window, as it is not consumed.
void Http2GrpcCall::KeepForLater(std::string_view bytes) {
  const size_t needed = backlog_size_ + bytes.size();
  if (needed > backlog_.size()) {
    PooledBuffer larger = io().buffers.TryTake(std::max(needed, 2 * backlog_.size()));
    if (larger.empty()) {
      return Cancel(StatusOf(BudgetError(io().budget, BufferPool::CostOf(needed))));
    }
    if (backlog_size_ > 0) std::memcpy(larger.data(), backlog_.data(), backlog_size_);
    backlog_ = std::move(larger);
  }
  std::memcpy(backlog_.data() + backlog_size_, bytes.data(), bytes.size());
  backlog_size_ = needed;
}

// Gives back the memory of what was not delivered.
void Http2GrpcCall::DropInput() {
  message_ = PooledBuffer();
  if (collector_ != nullptr) collector_->Begin(ContentCoding::kIdentity);
  prefix_size_ = message_received_ = 0;
  backlog_ = PooledBuffer();
  backlog_size_ = 0;
}

void Http2GrpcCall::HoldMessages(bool hold) {
  held_ = hold;
  resume_ = !hold && taking_messages();
  if (resume_) RequestAttention();
}

bool Http2GrpcCall::OnAttention() {
  bool progress = false;
  if (std::exchange(resume_, false) && taking_messages() && !held_) {
    progress = true;
    std::string_view bytes(reinterpret_cast<const char*>(backlog_.data()), backlog_size_);
    TakeMessages(bytes);
    Consume(backlog_size_ - bytes.size());
    if (!taking_messages() || bytes.empty()) {
      backlog_ = PooledBuffer();
      backlog_size_ = 0;
    } else {
      std::memmove(backlog_.data(), bytes.data(), bytes.size());
      backlog_size_ = bytes.size();
    }
    MaybeEndMessages();
  }
  if (want_writable_ && taking_messages() && output().size() <= kMaxUnsentBytes / 2) {
    want_writable_ = false;
    progress = true;
    receiver_->OnWritable();
  }
  return progress;
}

void Http2GrpcCall::OnEnd() { MaybeEndMessages(); }

void Http2GrpcCall::MaybeEndMessages() {
  if (!end_received() || end_told_ || held_ || backlog_size_ > 0 || !taking_messages()) return;
  end_told_ = true;
  if (prefix_size_ > 0) {
    return Cancel(base::Internal("message: the client ended the stream in the middle of it"));
  }
  receiver_->OnEndOfMessages();
}

base::SteadyTime Http2GrpcCall::InputDeadline() const {
  const Limits& limits = io().limits;
  base::SteadyTime deadline = base::SteadyTime::max();
  if (!taking_messages()) return deadline;
  deadline = request_.deadline.at;
  if (prefix_size_ > 0 && !held_ && limits.min_body_bytes_per_second > 0) {
    deadline = std::min(deadline, message_since_ + limits.body_grace +
                                      std::chrono::milliseconds(message_received_ * 1000 /
                                                                limits.min_body_bytes_per_second));
  }
  return deadline;
}

void Http2GrpcCall::OnInputDeadline() {
  if (now() >= request_.deadline.at) {
    return Cancel(base::DeadlineExceeded("the deadline of the call has passed"));
  }
  io().counters.timeouts.Add(1);
  Cancel(base::DeadlineExceeded("the message comes too slowly"));
}

}  // namespace slipway::net

#include "net/http2_exchange.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/grpc_wire.h"
#include "net/http1_response.h"
#include "net/io_context.h"
#include "net/response_coding.h"

namespace slipway::net {
EventLoop& Http2Exchange::loop() { return io().loop; }

void Http2Exchange::GiveBack() { io().http2.exchanges.Give(*this); }

void Http2Exchange::Reset() {
  ResetStream();
  state_ = State::kReceiving;
  request_ = HttpRequest();
  response_.Clear();
  if (collecting_) collector_.reset();
  collecting_ = want_writable_ = false;
  body_ = PooledBuffer();
  body_size_ = received_ = 0;
  ForgetCallbacks();
}

void Http2Exchange::OnHead() {
  body_since_ = now();
  if (HttpError error = PlanBody()) return Fail(error);
  if (end_received() || io().limits.min_body_bytes_per_second == 0) return;
  Watch(body_since_ + io().limits.body_grace);
}

// Decides where the body goes, or that it is refused before it is read.
HttpError Http2Exchange::PlanBody() {
  if (IsGrpcContentType(http2_head().content_type())) {
    if (head().method != HttpMethod::kPost) return {405, "a gRPC call is a POST"};
    return {415,
            "of gRPC's content types, only application/grpc and application/grpc+proto are "
            "supported"};
  }
  const Limits& limits = io().limits;
  if (head().expect_unknown) return {417, "the only supported expectation is '100-continue'"};
  if (end_received()) return {};
  if (head().coding == ContentCoding::kUnknown) {
    return {501, "the Content-Encoding is not supported; use gzip, deflate or identity"};
  }
  const uint64_t length = head().content_length;
  if (length > limits.max_body_bytes) {
    return TooLarge("body of " + std::to_string(length) + " bytes", "max_body",
                    limits.max_body_bytes);
  }
  if (http2_head().has_length() && head().coding == ContentCoding::kIdentity) {
    const auto bytes = static_cast<size_t>(length);
    if (bytes > 0) body_ = io().buffers.TryTake(bytes);
    if (bytes > 0 && body_.empty()) return BudgetError(io().budget, BufferPool::CostOf(bytes));
  } else {
    if (collector_ == nullptr) {
      collector_ = std::make_unique<BodyCollector>(io().buffers, io().budget, limits);
    }
    collector_->Begin(head().coding);
    collecting_ = true;
  }
  if (head().expect_continue) {
    const nghttp2_nv fields[] = {Http2Field(":status", "100")};
    SubmitInterim(fields);
  }
  return {};
}

void Http2Exchange::OnData(std::string_view bytes) {
  Consume(bytes.size());
  if (state_ != State::kReceiving) return;
  received_ += bytes.size();
  if (HttpError error = AddToBody(bytes)) Fail(error);
}

std::span<std::byte> Http2Exchange::DataRoom() {
  if (state_ != State::kReceiving || collecting_) return {};
  return {body_.data() + body_size_, static_cast<size_t>(head().content_length) - body_size_};
}

HttpError Http2Exchange::AddToBody(std::string_view bytes) {
  if (collecting_) return collector_->Append(bytes);
  if (bytes.size() > head().content_length - body_size_) {
    return {400, "the body is longer than its Content-Length"};
  }
  std::byte* to = body_.data() + body_size_;
  if (reinterpret_cast<const char*>(to) != bytes.data()) {  // else received there (DataRoom())
    std::memcpy(to, bytes.data(), bytes.size());
  }
  body_size_ += bytes.size();
  return {};
}

void Http2Exchange::OnEnd() {
  if (state_ != State::kReceiving) return;
  if (collecting_) {
    if (HttpError error = collector_->Finish()) return Fail(error);
    body_size_ = collector_->size();
    body_ = collector_->Take();
    collecting_ = false;
  }
  Dispatch();
}

void Http2Exchange::Dispatch() {
  request_.method = head().method;
  request_.method_name = head().method_name;
  request_.path = head().path;
  request_.query = head().query;
  request_.headers = head().headers;
  request_.body = {body_.empty() ? padding_.data() : body_.data(), body_size_};
  request_.first_byte_at = first_byte_at();
  request_.complete_at = now();
  request_.peer = peer();
  request_.client = client();
  state_ = State::kWaiting;
  io().counters.requests.Add(1);
  io().handler->OnRequest(*this);
}

void Http2Exchange::Fail(const HttpError& error) {
  io().counters.protocol_errors.Add(1);
  Refuse(error);
}

void Http2Exchange::Refuse(const HttpError& error) {
  if (state_ != State::kReceiving) return;
  SetError(response_, error.status, error.message);
  if (error.status == 405) response_.AddHeader("allow", "POST");
  if (error.status == 429) response_.AddHeader("retry-after", "1");
  if (head().coding == ContentCoding::kUnknown) {
    response_.AddHeader("accept-encoding", "gzip, deflate");
  }
  collector_.reset();
  collecting_ = false;
  Send();
}

void Http2Exchange::OnGone() {
  if (on_client_gone_ != nullptr) std::exchange(on_client_gone_, nullptr)();
}

bool Http2Exchange::answer_has_body() const {
  return head().method != HttpMethod::kHead && !HasNoBody(response_.status);
}

void Http2Exchange::SendHead(const ResponseCoding& coding, bool stream) {
  NoteAnswer(response_.status == 429);
  char status[8];
  char length[20];
  const auto format = [](auto& text, size_t number) {
    const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
    return std::string_view(text, static_cast<size_t>(end - text));
  };
  std::vector<nghttp2_nv>& fields = io().http2.fields;
  fields.clear();
  fields.push_back(Http2Field(
      ":status", format(status, static_cast<size_t>(std::clamp(response_.status, 200, 999)))));
  if (!response_.content_type.empty()) {
    fields.push_back(Http2Field("content-type", response_.content_type));
  }
  for (HttpResponse::Header& header : response_.headers) {
    BlankControlCharacters(header.value);
    fields.push_back(Http2Field(header.name, header.value));
  }
  if (!coding.name.empty()) fields.push_back(Http2Field("content-encoding", coding.name));
  if (coding.varies) fields.push_back(Http2Field("vary", "accept-encoding"));
  fields.push_back(Http2Field("date", io().date.At(now())));
  size_t bytes = response_.body.size();
  for (const base::Buffer& buffer : response_.tail) bytes += buffer.size();
  if (!stream && !HasNoBody(response_.status)) {
    fields.push_back(Http2Field("content-length", format(length, bytes)));
  }
  SubmitHead(fields, !answer_has_body() || (!stream && bytes == 0));
}

void Http2Exchange::TakeResponseBody() {
  if (answer_has_body()) {
    output().Take(response_.body);
    for (base::Buffer& buffer : response_.tail) output().Take(std::move(buffer));
  }
  response_.body.clear();
  response_.tail.clear();
}

void Http2Exchange::Send() {
  SLIPWAY_CHECK(state_ == State::kWaiting || state_ == State::kReceiving);
  if (!closed()) {
    SendHead(CompressResponse(response_, request_.headers, io().deflater), /*stream=*/false);
    TakeResponseBody();
    EndOutput();
    Flush();
  }
  OnAnswered();
}

// The references to the request end here.
void Http2Exchange::OnAnswered() {
  state_ = State::kAnswered;
  want_writable_ = false;
  body_ = PooledBuffer();
  on_client_gone_ = nullptr;
  if (!closed() && !end_received()) {
    body_since_ = now();
    Watch(InputDeadline());
  }
  Release();
}

void Http2Exchange::BeginStream() {
  SLIPWAY_CHECK(state_ == State::kWaiting);
  state_ = State::kStreaming;
  if (closed()) return;
  SendHead({}, /*stream=*/true);
  TakeResponseBody();
  Flush();
}

bool Http2Exchange::WriteStream(std::string_view piece) {
  SLIPWAY_CHECK(state_ == State::kStreaming);
  if (closed()) return false;
  if (answer_has_body()) output().Append(piece);
  Flush();
  want_writable_ = output().size() > kMaxUnsentStreamBytes;
  if (want_writable_) RequestAttention();
  return !want_writable_;
}

void Http2Exchange::EndStream() {
  SLIPWAY_CHECK(state_ == State::kStreaming);
  EndOutput();
  if (!closed()) Flush();
  OnAnswered();
}

bool Http2Exchange::OnAttention() {
  if (closed() || on_writable_ == nullptr || output().size() > kMaxUnsentStreamBytes / 2) {
    return false;
  }
  want_writable_ = false;
  const std::function<void()> callback = on_writable_;
  callback();
  return true;
}

base::SteadyTime Http2Exchange::InputDeadline() const {
  const Limits& limits = io().limits;
  if (state_ == State::kAnswered && !end_received()) return body_since_ + limits.body_grace;
  if (state_ != State::kReceiving || limits.min_body_bytes_per_second == 0) {
    return base::SteadyTime::max();
  }
  return body_since_ + limits.body_grace +
         std::chrono::milliseconds(received_ * 1000 / limits.min_body_bytes_per_second);
}

void Http2Exchange::OnInputDeadline() {
  if (state_ == State::kAnswered) return StopClient();
  io().counters.timeouts.Add(1);
  Refuse({408, "the request body comes too slowly"});
}

}  // namespace slipway::net

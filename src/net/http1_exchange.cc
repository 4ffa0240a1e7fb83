#include "net/http1_exchange.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "net/http1_connection.h"
#include "net/io_context.h"
#include "net/response_coding.h"

namespace slipway::net {
namespace {

constexpr size_t kKeptOutBytes = 64 * 1024;

}  // namespace

EventLoop& Http1Exchange::loop() { return io().loop; }

IoContext& Http1Exchange::io() { return connection_->io_; }

void Http1Exchange::Start(Http1Connection& connection) { connection_ = &connection; }

// Back to how Start() found it, memory kept. `connection_` stays: who holds a reference that has
// just ended may still be on the way out of Send().
void Http1Exchange::Reset() {
  next_ = nullptr;
  state_ = State::kReceiving;
  close_after_ = client_gone_ = want_writable_ = body_suppressed_ = false;
  response_.Clear();
  body_ = PooledBuffer();
  if (out_.capacity() > kKeptOutBytes) out_ = std::string();
  out_.clear();
  sent_ = 0;
  on_client_gone_ = nullptr;
  on_writable_ = nullptr;
}

// A client that asked to close, an error of ours, or a drain: the last answer says so.
bool Http1Exchange::DecideClose() {
  close_after_ = close_after_ || !head_.keep_alive || (io().closing && connection_->IsLast(*this));
  return close_after_;
}

void Http1Exchange::AppendHead(std::string_view coding, bool stream) {
  ResponseFrame frame;
  frame.coding = coding;
  frame.date = io().date.At(io().loop.round_time());
  body_suppressed_ = head_.method == HttpMethod::kHead || HasNoBody(response_.status);
  if (HasNoBody(response_.status)) {
    frame.body = ResponseFrame::Body::kNone;
  } else if (stream) {
    frame.body = head_.http_1_0 ? ResponseFrame::Body::kUntilClose : ResponseFrame::Body::kChunked;
    close_after_ |= head_.http_1_0;
  } else {
    frame.length = response_.body.size();
    for (const base::Buffer& buffer : response_.tail) frame.length += buffer.size();
  }
  if (DecideClose()) {
    frame.connection = ResponseFrame::Connection::kClose;
  } else if (head_.http_1_0) {
    frame.connection = ResponseFrame::Connection::kKeepAlive;
  }
  AppendResponseHead(response_, frame, out_);
  if (body_suppressed_) {
    response_.body.clear();
    response_.tail.clear();
  }
}

void Http1Exchange::Send() {
  SLIPWAY_CHECK(state_ == State::kWaiting || state_ == State::kReceiving);
  if (!client_gone_) {
    AppendHead(CompressResponse(response_, request_.Header("accept-encoding"), io().deflater),
               /*stream=*/false);
    if (response_.tail.empty() && response_.body.size() <= kCopiedBodyBytes) {
      out_.append(response_.body);
      response_.body.clear();
    }
  }
  connection_->OnAnswered(*this);
}

void Http1Exchange::BeginStream() {
  SLIPWAY_CHECK(state_ == State::kWaiting);
  state_ = State::kStreaming;
  if (client_gone_) return;
  const std::string body = std::exchange(response_.body, {});
  AppendHead({}, /*stream=*/true);
  AppendChunk(body);
  for (const base::Buffer& buffer : response_.tail) {
    AppendChunk({reinterpret_cast<const char*>(buffer.data()), buffer.size()});
  }
  response_.tail.clear();
  if (close_after_) connection_->EndInput();
  connection_->OnOutput();
}

void Http1Exchange::AppendChunk(std::string_view piece) {
  if (piece.empty() || body_suppressed_) return;
  if (head_.http_1_0) {
    out_.append(piece);
    return;
  }
  char size[16];
  const auto [end, error] = std::to_chars(size, size + sizeof(size), piece.size(), 16);
  out_.append(size, end);
  out_.append("\r\n");
  out_.append(piece);
  out_.append("\r\n");
}

bool Http1Exchange::WriteStream(std::string_view piece) {
  SLIPWAY_CHECK(state_ == State::kStreaming);
  if (client_gone_) return false;
  AppendChunk(piece);
  connection_->OnOutput();
  want_writable_ = unsent_bytes() > kMaxUnsentStreamBytes;
  return !want_writable_;
}

void Http1Exchange::EndStream() {
  SLIPWAY_CHECK(state_ == State::kStreaming);
  if (!client_gone_ && !head_.http_1_0 && !body_suppressed_) out_.append("0\r\n\r\n");
  connection_->OnAnswered(*this);
}

void Http1Exchange::set_on_writable(std::function<void()> callback) {
  on_writable_ = std::move(callback);
}

// The views of request() end here.
void Http1Exchange::ReleaseRequest() {
  body_ = PooledBuffer();
  on_client_gone_ = nullptr;
}

size_t Http1Exchange::unsent_bytes() const {
  size_t total = out_.size() - sent_;  // sent_ may be past out_: the sum is right, modulo 2^64
  if (state_ != State::kAnswered) return total;
  total += response_.body.size();
  for (const base::Buffer& buffer : response_.tail) total += buffer.size();
  return total;
}

size_t Http1Exchange::Gather(iovec* pieces, size_t room) const {
  size_t count = 0;
  size_t skip = sent_;
  const auto add = [&](const void* data, size_t size) {
    if (skip >= size) {
      skip -= size;
      return;
    }
    if (count == room) return;
    pieces[count].iov_base = const_cast<char*>(static_cast<const char*>(data) + skip);
    pieces[count].iov_len = size - skip;
    skip = 0;
    ++count;
  };
  add(out_.data(), out_.size());
  if (state_ != State::kAnswered) return count;
  add(response_.body.data(), response_.body.size());
  for (const base::Buffer& buffer : response_.tail) add(buffer.data(), buffer.size());
  return count;
}

void Http1Exchange::Consume(size_t bytes) {
  sent_ += bytes;
  if (state_ == State::kAnswered) return;
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > kKeptOutBytes) {  // a long stream: keep only what is unsent
    out_.erase(0, sent_);
    sent_ = 0;
  }
}

Http1Exchange& Http1ExchangePool::Take() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Http1Exchange>());
    free_.reserve(all_.size());
    return *all_.back();
  }
  Http1Exchange& exchange = *free_.back();
  free_.pop_back();
  return exchange;
}

void Http1ExchangePool::Give(Http1Exchange& exchange) {
  exchange.Reset();
  free_.push_back(&exchange);
}

void Http1ExchangePool::ForgetCallbacks() {
  for (const std::unique_ptr<Http1Exchange>& exchange : all_) {
    exchange->on_client_gone_ = nullptr;
    exchange->on_writable_ = nullptr;
  }
}

}  // namespace slipway::net

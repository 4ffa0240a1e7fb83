// Http1Connection, first half: from the socket to the handler.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/http1_connection.h"

namespace slipway::net {
namespace {

constexpr size_t kMaxReceiveBytes = 256 * 1024;  // at once, so that others get their turn
constexpr size_t kRoomBehindHead = 1024;         // at least, to receive the body into
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

std::string_view Http1Connection::Buffered() const {
  return {reinterpret_cast<const char*>(block_.data()) + begin_, end_ - begin_};
}

bool Http1Connection::receiving() const {
  return last_ != nullptr && last_->state_ == Http1Exchange::State::kReceiving;
}

bool Http1Connection::RoomForRequest() const {
  return pipelined_ < io_.limits.max_pipelined && !output_blocked_;
}

bool Http1Connection::MayReceive() const {
  if (phase_ != Phase::kOpen || input_ == Input::kEnded) return false;
  if (input_ != Input::kHead) return true;
  // A block that handlers look at can be filled up, but not moved.
  return RoomForRequest() && (unanswered_ == 0 || end_ < block_.size());
}

// Makes room in the block for bytes of a head; bodies have theirs already.
void Http1Connection::EnsureRoom() {
  if (block_.empty()) {
    block_ = io_.buffers.TakeBlock();
    begin_ = end_ = 0;
  }
  if (input_ != Input::kHead || unanswered_ > 0 || block_.size() - end_ >= kRoomBehindHead) return;
  PooledBuffer larger;
  // Only a head of exceptional size needs another block; the scanner refuses it at its limit.
  if (end_ - begin_ + kRoomBehindHead > block_.size())
    larger = io_.buffers.TakeBlock(2 * block_.size());
  PooledBuffer& target = larger.empty() ? block_ : larger;
  std::memmove(target.data(), block_.data() + begin_, end_ - begin_);
  if (!larger.empty()) block_ = std::move(larger);
  end_ -= begin_;
  begin_ = 0;
}

// False when there is nothing more to read now.
bool Http1Connection::Receive() {
  std::byte* target = nullptr;
  size_t room = 0;
  if (input_ == Input::kOwnBuffer) {
    target = last_->body_.data() + body_size_;
    room = std::min(body_left_, kMaxReceiveBytes);
  } else {
    EnsureRoom();
    target = block_.data() + end_;
    room = block_.size() - end_;
  }
  const ssize_t received = client_.transport.Receive(target, room);
  if (received <= 0) {
    readable_ = received < 0 && errno == EINTR;
    if (received == 0) {
      OnEndOfInput();
    } else if (errno != EAGAIN && errno != EINTR) {
      Close();
    }
    return readable_;
  }
  const size_t size = static_cast<size_t>(received);
  io_.counters.bytes_received.Add(size);
  // Less than asked for: the socket is empty, unless its end is waiting too.
  if (size < room && !fin_seen_ && !client_.transport.pending()) readable_ = false;
  if (input_ == Input::kHead && begin_ == end_) first_byte_at_ = now();
  body_received_ += size;
  if (input_ == Input::kOwnBuffer) {
    body_size_ += size;
    body_left_ -= size;
  } else {
    end_ += size;
  }
  return true;
}

void Http1Connection::OnEndOfInput() {
  peer_ended_ = fin_seen_ = true;
  const bool between_requests = input_ == Input::kHead && begin_ == end_;
  if (between_requests || input_ == Input::kEnded) {
    input_ = Input::kEnded;
  } else {
    Fail({400, "the request ended before it was complete"});
  }
}

void Http1Connection::Process() {
  bool progress = true;
  while (progress && phase_ == Phase::kOpen && input_ != Input::kEnded) {
    progress = input_ == Input::kHead ? StartRequest() : ContinueBody();
  }
}

bool Http1Connection::StartRequest() {
  gated_ = begin_ != end_ && !RoomForRequest();
  if (begin_ == end_ || gated_) return false;
  const HeadScanner::Outcome outcome = scanner_.Scan(Buffered());
  if (outcome == HeadScanner::Outcome::kNeedMore) return false;
  if (outcome == HeadScanner::Outcome::kError) {
    Fail(scanner_.error());
    return false;
  }
  if (!MakeRoomBehindHead()) return false;
  const std::string_view head =
      Buffered().substr(scanner_.begin(), scanner_.end() - scanner_.begin());
  begin_ += scanner_.end();
  scanner_.Reset();
  Http1Exchange& exchange = Push();
  HttpError error = ParseRequestHead(head, io_.head_limits, exchange.head_);
  if (!error) error = PlanBody(exchange);
  if (error) Fail(error);
  return true;
}

// A chunked or compressed body is received behind its head, piece by piece. False: a handler still
// looks at an earlier request in this block; later.
bool Http1Connection::MakeRoomBehindHead() {
  if (block_.size() - begin_ - scanner_.end() >= kRoomBehindHead) return true;
  if (unanswered_ > 0) return false;
  EnsureRoom();
  return true;
}

// Decides where the body goes, or that it is refused before it is read.
HttpError Http1Connection::PlanBody(Http1Exchange& exchange) {
  const RequestHead& head = exchange.head_;
  exchange.request_.first_byte_at = first_byte_at_;
  body_begin_ = begin_;
  since_ = now();
  body_received_ = Buffered().size();
  if (head.expect_unknown) return {417, "the only supported expectation is '100-continue'"};
  const bool has_body = head.chunked || head.content_length > 0;
  if (has_body && head.coding == ContentCoding::kUnknown) {
    return {501, "the Content-Encoding is not supported; use gzip, deflate or identity"};
  }
  if (head.content_length > io_.limits.max_body_bytes) {
    return TooLarge("body of " + std::to_string(head.content_length) + " bytes", "max_body",
                    io_.limits.max_body_bytes);
  }
  body_left_ = static_cast<size_t>(head.content_length);
  bool complete = body_left_ <= Buffered().size();
  if (has_body && (head.chunked || head.coding != ContentCoding::kIdentity)) {
    if (collector_ == nullptr) {
      collector_ = std::make_unique<BodyCollector>(io_.buffers, io_.budget, io_.limits);
    }
    collector_->Begin(head.coding);
    chunked_.Reset();
    input_ = Input::kDecode;
    complete = !Buffered().empty();
  } else if (body_left_ <= block_.size() - begin_) {
    input_ = Input::kInPlace;
  } else if (HttpError error = PlanOwnBuffer(exchange)) {
    return error;
  }
  if (head.expect_continue && !complete) exchange.out_ = kContinue;
  return {};
}

HttpError Http1Connection::PlanOwnBuffer(Http1Exchange& exchange) {
  exchange.body_ = io_.buffers.TryTake(body_left_);
  if (exchange.body_.empty()) return BudgetError(io_.budget, BufferPool::CostOf(body_left_));
  body_size_ = end_ - begin_;  // less than the body, which would not have fitted here
  std::memcpy(exchange.body_.data(), block_.data() + begin_, body_size_);
  body_left_ -= body_size_;
  begin_ = end_;
  input_ = Input::kOwnBuffer;
  return {};
}

bool Http1Connection::ContinueBody() {
  if (input_ == Input::kInPlace) {
    if (end_ - begin_ < body_left_) return false;
    std::byte* body = block_.data() + begin_;
    begin_ += body_left_;
    Dispatch(body, body_left_);
    return true;
  }
  if (input_ == Input::kOwnBuffer) {
    if (body_left_ > 0) return false;
    Dispatch(last_->body_.data(), body_size_);
    return true;
  }
  bool done = false;
  if (HttpError error = Decode(done)) {
    Fail(error);
    return false;
  }
  if (!done) return false;
  const size_t size = collector_->size();
  last_->body_ = collector_->Take();
  Dispatch(last_->body_.empty() ? block_.data() + body_begin_ : last_->body_.data(), size);
  return true;
}

HttpError Http1Connection::Decode(bool& done) {
  std::string_view input = Buffered();
  if (last_->head_.chunked) {
    std::string_view data;
    ChunkedDecoder::Outcome outcome;
    while ((outcome = chunked_.Decode(input, data)) == ChunkedDecoder::Outcome::kData) {
      if (HttpError error = collector_->Append(data)) return error;
    }
    if (outcome == ChunkedDecoder::Outcome::kError) return chunked_.error();
    done = outcome == ChunkedDecoder::Outcome::kDone;
  } else {
    const std::string_view piece = input.substr(0, body_left_);
    if (HttpError error = collector_->Append(piece)) return error;
    input.remove_prefix(piece.size());
    body_left_ -= piece.size();
    done = body_left_ == 0;
  }
  begin_ = end_ - input.size();
  if (done) return collector_->Finish();
  begin_ = end_ = body_begin_;  // all was taken: the next bytes come to the same place
  return {};
}

void Http1Connection::Dispatch(std::byte* body, size_t size) {
  Http1Exchange& exchange = *last_;
  input_ = exchange.head_.keep_alive ? Input::kHead : Input::kEnded;
  first_byte_at_ = now();  // of the next request, should it be here already
  HttpRequest& request = exchange.request_;
  request.method = exchange.head_.method;
  request.method_name = exchange.head_.method_name;
  request.path = exchange.head_.path;
  request.query = exchange.head_.query;
  request.headers = exchange.head_.headers;
  request.body = {body, size};
  request.complete_at = now();
  request.peer = client_.peer;
  request.client = client_.number;
  exchange.state_ = Http1Exchange::State::kWaiting;
  ++unanswered_;
  io_.counters.requests.Add(1);
  io_.handler->OnRequest(exchange);
}

void Http1Connection::Fail(const HttpError& error) {
  io_.counters.protocol_errors.Add(1);
  Refuse(error);
}

// Answers the request that is coming, or any request, with `error`, and reads no more.
void Http1Connection::Refuse(const HttpError& error) {
  input_ = Input::kEnded;
  linger_ = true;
  collector_.reset();
  if (!receiving()) {
    RequestHead& head = Push().head_;
    head.method = HttpMethod::kOther;
    head.http_1_0 = false;
    head.coding = ContentCoding::kIdentity;
  }
  Http1Exchange& exchange = *last_;
  SetError(exchange.response_, error.status, error.message);
  if (error.status == 429) exchange.response_.AddHeader("retry-after", "1");
  if (exchange.head_.coding == ContentCoding::kUnknown) {
    exchange.response_.AddHeader("accept-encoding", "gzip, deflate");
  }
  exchange.close_after_ = true;
  exchange.Send();
}

void Http1Connection::ReleaseBlock() {
  if (unanswered_ > 0 || receiving() || block_.empty()) return;
  if (begin_ != end_ && input_ != Input::kEnded) return;
  block_ = PooledBuffer();
  begin_ = end_ = 0;
}

}  // namespace slipway::net

// Http1Connection, second half: turns, answers, deadlines and ends. The first is in http1_input.cc.

#include "net/http1_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace slipway::net {
namespace {

constexpr int kReceivesPerTurn = 16;
constexpr size_t kPiecesPerWrite = 64;
// After this long without an answer, a client that has shut its side is asked whether it still
// reads.
constexpr std::chrono::milliseconds kProbeDelay{200};
// How long a client may keep sending after our last answer, before it can no longer read it.
constexpr std::chrono::milliseconds kLingerTime{5'000};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Http1Connection::Http1Connection(IoContext& io, Client client)
    : io_(io), client_(std::move(client)), scanner_(io.head_limits) {}

Http1Connection::~Http1Connection() = default;

void Http1Connection::Start(bool registered) {
  const int fd = client_.transport.fd();
  since_ = now();
  const base::Status status =
      registered ? io_.loop.Modify(fd, kEvents, this) : io_.loop.Add(fd, kEvents, this);
  if (!status.ok()) Close();
  UpdateTimer();
  RetireIfDone();
}

void Http1Connection::StartRefused(bool registered, const HttpError& error) {
  Start(registered);
  if (phase_ != Phase::kOpen) return;
  Refuse(error);
}

void Http1Connection::OnEvents(uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    Close();
    RetireIfDone();
    return;
  }
  if ((events & EPOLLRDHUP) != 0 && !fin_seen_) {
    fin_seen_ = true;
    since_ = now();
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) output_blocked_ = false;
  Turn();
}

void Http1Connection::BeginDrain() {
  readable_ = true;  // a request may have come just now: it gets its answer
  Turn();
}

void Http1Connection::Abort() {
  Close();
  RetireIfDone();
}

void Http1Connection::Turn() {
  if (phase_ == Phase::kClosed) return RetireIfDone();
  in_turn_ = true;
  if (phase_ == Phase::kLingering) DiscardInput();
  Process();
  for (int i = 0; i < kReceivesPerTurn && readable_ && MayReceive() && Receive(); ++i) Process();
  Flush();
  in_turn_ = false;
  if (phase_ == Phase::kOpen &&
      (close_written_ || (input_ == Input::kEnded && first_ == nullptr))) {
    EndOutput();
  }
  if (phase_ == Phase::kOpen && io_.draining && idle()) Close();
  ReleaseBlock();
  if (phase_ == Phase::kClosed) return RetireIfDone();
  if (WantsTurn()) {
    ++scheduled_turns_;
    io_.loop.Post([this] { OnScheduledTurn(); });
  }
  if (idle()) since_ = now();
  UpdateTimer();
}

// Work is left that waits for nothing but fairness.
bool Http1Connection::WantsTurn() const {
  if (phase_ == Phase::kLingering) return readable_;
  return (readable_ && MayReceive()) || (gated_ && input_ == Input::kHead && RoomForRequest());
}

void Http1Connection::OnScheduledTurn() {
  --scheduled_turns_;
  Turn();
}

bool Http1Connection::idle() const {
  return input_ == Input::kHead && begin_ == end_ && first_ == nullptr;
}

void Http1Connection::OnOutput() {
  if (in_turn_ || scheduled_turns_ > 0) return;
  ++scheduled_turns_;
  io_.loop.AtEndOfRound([this] { OnScheduledTurn(); });
}

void Http1Connection::OnAnswered(Http1Exchange& exchange) {
  if (exchange.state_ != Http1Exchange::State::kReceiving) --unanswered_;
  exchange.state_ = Http1Exchange::State::kAnswered;
  exchange.ReleaseRequest();
  if (exchange.client_gone_) {
    Unlink(exchange);
    io_.exchanges.Give(exchange);
    RetireIfDone();
    return;
  }
  if (phase_ == Phase::kOpen) NoteAnswer(io_.loop, client_.transport.fd(), exchange.refused());
  if (exchange.close_after_) EndInput();
  if (unanswered_ == 0 && begin_ != end_) first_byte_at_ = now();  // it may have waited for us
  OnOutput();
}

// The answer being given is the last. Unless the client asked for that, it may still be sending.
void Http1Connection::EndInput() {
  linger_ |= input_ != Input::kEnded;
  input_ = Input::kEnded;
}

void Http1Connection::Flush() {
  do {
    while (phase_ == Phase::kOpen && !output_blocked_ && !close_written_ && WriteOnce()) {
    }
  } while (CallWritable());
}

// One system call for everything that is answered, in order. False when nothing is left or the
// socket takes no more.
bool Http1Connection::WriteOnce() {
  std::array<iovec, kPiecesPerWrite> pieces;
  size_t count = 0;
  for (const Http1Exchange* exchange = first_; exchange != nullptr && count < kPiecesPerWrite;
       exchange = exchange->next_) {
    count += exchange->Gather(&pieces[count], kPiecesPerWrite - count);
    if (!exchange->answered() || exchange->close_after_) break;
  }
  if (count == 0) {
    PopWritten(0);
    return false;
  }
  const ssize_t written = client_.transport.Send(std::span(pieces).first(count));
  if (written > 0) {
    output_deadline_ = base::SteadyTime::max();
    io_.counters.bytes_sent.Add(static_cast<size_t>(written));
    PopWritten(static_cast<size_t>(written));
    return first_ != nullptr;
  }
  const int error = written < 0 ? errno : 0;
  if (error == EAGAIN) {
    output_blocked_ = true;
    if (output_deadline_ == base::SteadyTime::max()) {
      output_deadline_ = now() + io_.limits.write_timeout;
    }
  } else if (error != EINTR) {
    Close();
  }
  return error == EINTR;
}

void Http1Connection::PopWritten(size_t bytes) {
  while (first_ != nullptr) {
    Http1Exchange& exchange = *first_;
    const size_t unsent = exchange.unsent_bytes();
    const size_t taken = std::min(bytes, unsent);
    exchange.Consume(taken);
    bytes -= taken;
    if (!exchange.answered() || taken < unsent) return;
    close_written_ |= exchange.close_after_;
    Unlink(exchange);
    io_.exchanges.Give(exchange);
    if (close_written_) return;
  }
}

// True when a handler was told that it may write again, and perhaps has.
bool Http1Connection::CallWritable() {
  if (phase_ != Phase::kOpen || output_blocked_ || first_ == nullptr) return false;
  Http1Exchange& exchange = *first_;
  if (!exchange.want_writable_ || exchange.on_writable_ == nullptr ||
      exchange.unsent_bytes() > Http1Exchange::kMaxUnsentStreamBytes / 2) {
    return false;
  }
  exchange.want_writable_ = false;
  const std::function<void()> callback = exchange.on_writable_;
  callback();
  return true;
}

// After the last answer. A client that is still sending must be able to read it, so the socket is
// not closed over unread bytes: that would reset the connection.
void Http1Connection::EndOutput() {
  if (peer_ended_ || (!linger_ && !readable_)) {
    Close();
    return;
  }
  phase_ = Phase::kLingering;
  input_ = Input::kEnded;
  since_ = now();
  client_.transport.EndOutput();
  TellClientGone();
}

void Http1Connection::DiscardInput() {
  PooledBuffer scratch = io_.buffers.TakeBlock();
  for (int i = 0; i < kReceivesPerTurn && readable_; ++i) {
    const ssize_t received = client_.transport.Receive(scratch.data(), scratch.size());
    if (received > 0) {
      io_.counters.bytes_received.Add(static_cast<size_t>(received));
      continue;
    }
    const int error = received < 0 ? errno : 0;
    if (error == EINTR) continue;
    readable_ = false;
    if (error != EAGAIN) Close();
  }
}

void Http1Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  if (first_ == nullptr) client_.transport.EndTls();
  io_.loop.Remove(client_.transport.fd(), this);
  io_.loop.CancelTimer(std::exchange(timer_, 0));
  client_.transport.Close();
  TellClientGone();
  client_.ticket.Release();
}

void Http1Connection::TellClientGone() {
  for (Http1Exchange* exchange = first_; exchange != nullptr;) {
    Http1Exchange& current = *std::exchange(exchange, exchange->next_);
    if (current.state_ == Http1Exchange::State::kWaiting ||
        current.state_ == Http1Exchange::State::kStreaming) {
      current.client_gone_ = true;
    } else {
      Unlink(current);
      io_.exchanges.Give(current);
    }
  }
  // A callback may answer at once, which takes its exchange out of the pipeline.
  for (Http1Exchange* exchange = first_; exchange != nullptr;) {
    if (exchange->on_client_gone_ == nullptr) {
      exchange = exchange->next_;
      continue;
    }
    std::exchange(exchange->on_client_gone_, nullptr)();
    exchange = first_;
  }
}

Http1Exchange& Http1Connection::Push() {
  Http1Exchange& exchange = io_.exchanges.Take();
  exchange.Start(*this);
  (last_ == nullptr ? first_ : last_->next_) = &exchange;
  last_ = &exchange;
  ++pipelined_;
  return exchange;
}

void Http1Connection::Unlink(Http1Exchange& exchange) {
  Http1Exchange* previous = nullptr;
  for (Http1Exchange* at = first_; at != &exchange; at = at->next_) previous = at;
  (previous == nullptr ? first_ : previous->next_) = exchange.next_;
  if (last_ == &exchange) last_ = previous;
  --pipelined_;
}

void Http1Connection::RetireIfDone() {
  if (phase_ != Phase::kClosed || unanswered_ > 0 || scheduled_turns_ > 0 || in_turn_ || retired_) {
    return;
  }
  retired_ = true;
  io_.host.Retire(*this);
}

base::SteadyTime Http1Connection::InputDeadline() const {
  const Limits& limits = io_.limits;
  if (phase_ == Phase::kLingering) return since_ + kLingerTime;
  if (fin_seen_ && unanswered_ > 0) {
    return probed_ ? base::SteadyTime::max() : since_ + kProbeDelay;
  }
  if (input_ == Input::kHead) {
    if (first_ != nullptr) return base::SteadyTime::max();  // the client waits for us
    return begin_ == end_ ? since_ + limits.idle_timeout : first_byte_at_ + limits.header_deadline;
  }
  if (input_ == Input::kEnded || limits.min_body_bytes_per_second == 0) {
    return base::SteadyTime::max();
  }
  return since_ + limits.body_grace +
         std::chrono::milliseconds(body_received_ * 1000 / limits.min_body_bytes_per_second);
}

// One timer for all deadlines, left alone when it is early enough: most requests change nothing.
void Http1Connection::UpdateTimer() {
  const base::SteadyTime wanted = std::min(InputDeadline(), output_deadline_);
  if (phase_ == Phase::kClosed || wanted == base::SteadyTime::max()) return;
  if (timer_ != 0 && timer_at_ <= wanted) return;
  io_.loop.CancelTimer(timer_);
  timer_at_ = wanted;
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(wanted - now());
  timer_ = io_.loop.AddTimer(std::max(delay, std::chrono::milliseconds(0)), [this] { OnTimer(); });
}

void Http1Connection::OnTimer() {
  timer_ = 0;
  if (now() >= output_deadline_) {
    io_.counters.timeouts.Add(1);
    Close();
    RetireIfDone();
  } else if (now() >= InputDeadline()) {
    OnInputDeadline();
  } else {
    UpdateTimer();
  }
}

void Http1Connection::OnInputDeadline() {
  if (phase_ == Phase::kOpen && fin_seen_ && unanswered_ > 0) {
    ProbeClient();
    Turn();
    return;
  }
  const bool refuse = phase_ == Phase::kOpen && !idle();
  if (phase_ == Phase::kOpen) io_.counters.timeouts.Add(1);
  if (!refuse) {
    Close();
    RetireIfDone();
    return;
  }
  Refuse({408, input_ == Input::kHead ? "the request headers did not come in time"
                                      : "the request body comes too slowly"});
}

// A client that has shut its side may wait for its answer or be gone; TCP says which only when
// something is sent. An interim answer is something that every HTTP/1.1 client ignores.
void Http1Connection::ProbeClient() {
  probed_ = true;
  if (first_->state_ == Http1Exchange::State::kWaiting && !first_->head_.http_1_0 &&
      !first_->HasUnsent()) {
    first_->out_ = kContinue;
  }
}

}  // namespace slipway::net

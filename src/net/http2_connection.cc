// Http2Connection, first half: turns, deadlines and ends. The second is in http2_session.cc.

#include "net/http2_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "net/frame_scatter.h"

namespace slipway::net {
namespace {

constexpr int kReceivesPerTurn = 16;
constexpr int kWritableCallsPerTurn = 16;
constexpr size_t kPiecesPerWrite = 64;
constexpr size_t kMaxQueuedBytes = 256 * 1024;  // of frames that wait for the socket
// A receive of a whole block asks for more the next time. Larger ones would leave the L2 cache
// before their bytes are copied on.
constexpr size_t kLargeReceiveBytes = 256 * 1024 - BufferPool::kPadding;
// Less of a message, or in smaller frames, is received into a block and copied.
constexpr size_t kLeastScatteredBytes = 32 * 1024;
constexpr size_t kLeastFrameBytes = 4 * 1024;
// Within a large message the loop is woken for so many bytes, not for each frame: a wake-up costs
// as much as to receive several. Whatever else the client sends meanwhile is seen after
// kLongestWait at the latest.
constexpr size_t kMostLowWaterBytes = 256 * 1024;
constexpr std::chrono::milliseconds kLongestWait{1};
// Pings, settings and the like that nghttp2 wants to answer while the socket takes nothing.
constexpr size_t kMaxQueuedFrames = 1000;
// How long a client may keep sending after our GOAWAY, before it can no longer read it.
constexpr std::chrono::milliseconds kLingerTime{5'000};
// Meanwhile a few blocks are read at a time, with pauses: a client that floods us must not keep us
// busy with what nobody looks at.
constexpr int kDiscardsPerTurn = 4;
constexpr std::chrono::milliseconds kDiscardPause{10};
// How long a client may open streams after it was told to stop: RFC 9113 section 6.8 asks for at
// least one round trip; a PING's answer ends it earlier.
constexpr std::chrono::milliseconds kShutdownNotice{1'000};
// A reset costs us more than the client: a burst of so many seconds' worth is allowed.
constexpr double kResetBurstSeconds = 5;

}  // namespace

Http2Connection::Http2Connection(IoContext& io, Client client)
    : io_(io),
      client_(std::move(client)),
      guard_(2 * io.limits.max_header_bytes),
      receive_bytes_(BufferPool::kBlockBytes),
      resets_(kResetBurstSeconds * static_cast<double>(io.limits.max_resets_per_second),
              static_cast<double>(io.limits.max_resets_per_second)),
      started_at_(io.loop.round_time()),
      idle_since_(started_at_),
      received_at_(started_at_) {}

Http2Connection::~Http2Connection() = default;

void Http2Connection::Start(bool registered) {
  const int fd = client_.transport.fd();
  const base::Status status =
      registered ? io_.loop.Modify(fd, kEvents, this) : io_.loop.Add(fd, kEvents, this);
  if (!status.ok() || !StartSession()) return Abort();
  Turn();
}

void Http2Connection::OnEvents(uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Abort();
  if ((events & EPOLLRDHUP) != 0) fin_seen_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) output_blocked_ = false;
  Turn();
}

void Http2Connection::BeginDrain() {
  readable_ = true;  // a request may have come just now: it gets its answer
  Turn();
}

void Http2Connection::Abort() {
  Close();
  RetireIfDone();
}

void Http2Connection::Turn() {
  if (phase_ == Phase::kClosed) {
    Sweep();
    return RetireIfDone();
  }
  in_turn_ = true;
  if (phase_ == Phase::kLingering && now() >= discard_at_) DiscardInput();
  for (int i = 0; i < kReceivesPerTurn && readable_ && MayReceive() && Receive(); ++i) {
  }
  if (phase_ == Phase::kOpen && io_.closing) BeginShutdown();
  Flush();
  if (phase_ == Phase::kOpen && Done()) EndOutput();
  if (phase_ == Phase::kOpen && peer_ended_) Close();
  in_turn_ = false;
  Sweep();
  if (phase_ == Phase::kClosed) return RetireIfDone();
  const bool more_to_read = readable_ && MayReceive();
  const bool more_to_write = attention_ && !output_blocked_ && queue_.unsent_bytes() > 0;
  if (more_to_read || more_to_write) {
    ++scheduled_turns_;
    io_.loop.Post([this] { OnScheduledTurn(); });
  }
  UpdateTimer();
}

void Http2Connection::OnScheduledTurn() {
  --scheduled_turns_;
  Turn();
}

void Http2Connection::OnOutput() {
  if (in_turn_ || scheduled_turns_ > 0) return;
  ++scheduled_turns_;
  io_.loop.AtEndOfRound([this] { OnScheduledTurn(); });
}

bool Http2Connection::MayReceive() const {
  if (phase_ != Phase::kOpen || failed_ || peer_ended_) return false;
  if (output_blocked_ && queue_.unsent_bytes() + unsent_bytes_ >= kMaxQueuedBytes) return false;
  return nghttp2_session_get_outbound_queue_size(session_.get()) < kMaxQueuedFrames;
}

// False when there is nothing more to read now.
bool Http2Connection::Receive() {
  if (const auto frame = guard_.data_frame(); frame && frame->length >= kLeastFrameBytes) {
    const std::span<std::byte> room = DataRoom(*frame);
    if (room.size() >= kLeastScatteredBytes) return ReceiveScattered(room, *frame);
  }
  if (low_water_ > 1) SetLowWater(1);
  PooledBuffer block = io_.buffers.TakeBlock(receive_bytes_);
  const size_t room = block.size();
  const ssize_t received = client_.transport.Receive(block.data(), room);
  if (!Received(received, room)) return readable_;
  const auto size = static_cast<size_t>(received);
  receive_bytes_ = size < room / 8 ? BufferPool::kBlockBytes
                   : size == room  ? kLargeReceiveBytes
                                   : receive_bytes_;
  Feed({reinterpret_cast<const char*>(block.data()), size});
  return true;
}

// The same where a large message is coming, which needs no large blocks.
bool Http2Connection::ReceiveScattered(std::span<std::byte> room,
                                       const Http2FrameGuard::DataFrame& frame) {
  receive_bytes_ = BufferPool::kBlockBytes;
  PooledBuffer rest = io_.buffers.TakeBlock();
  FrameScatter scatter(room, frame, {rest.data(), rest.size()});
  const ssize_t received = client_.transport.Receive(scatter.pieces());
  if (!Received(received, scatter.size())) {
    if (phase_ == Phase::kOpen) SetLowWater(1);
    return readable_;
  }
  const auto size = static_cast<size_t>(received);
  scatter.Sort(size, io_.buffers);
  for (const std::string_view bytes : scatter.received()) {
    if (failed_) break;
    Feed(bytes);
  }
  SetLowWater(room.size() - std::min(size, room.size()));
  return true;
}

// The socket is readable from so many bytes on, or fewer.
void Http2Connection::SetLowWater(size_t bytes) {
  const size_t most = std::min(kMostLowWaterBytes, io_.limits.stream_window_bytes / 4);
  const size_t wanted = std::clamp<size_t>(bytes, 1, std::max<size_t>(most, 1));
  look_again_at_ = wanted > 1 ? now() + kLongestWait : base::SteadyTime::max();
  if (wanted != std::exchange(low_water_, wanted)) client_.transport.SetLowWater(wanted);
}

// Whether a receive into so much room has brought something.
bool Http2Connection::Received(ssize_t received, size_t room) {
  if (received <= 0) {
    readable_ = received < 0 && errno == EINTR;
    if (received == 0) {
      peer_ended_ = true;
    } else if (errno != EAGAIN && errno != EINTR) {
      Close();
    }
    return false;
  }
  io_.counters.bytes_received.Add(static_cast<uint64_t>(received));
  received_at_ = now();
  ping_sent_at_ = base::SteadyTime::max();
  // Less than asked for: the socket is empty, unless its end is waiting too.
  if (static_cast<size_t>(received) < room && !fin_seen_ && !client_.transport.pending()) {
    readable_ = false;
  }
  return true;
}

void Http2Connection::Flush() {
  int calls = 0;
  do {
    while (phase_ == Phase::kOpen && !output_blocked_ && WriteOnce()) {
    }
  } while (phase_ == Phase::kOpen && calls++ < kWritableCallsPerTurn && ServeAttention());
}

// One system call for everything that is ready. False when nothing is left or the socket takes no
// more.
bool Http2Connection::WriteOnce() {
  FillQueue();
  std::array<iovec, kPiecesPerWrite> pieces;
  const size_t count = queue_.Gather(pieces.data(), pieces.size());
  if (count == 0) return false;
  const ssize_t written = client_.transport.Send(std::span(pieces).first(count));
  if (written > 0) {
    output_deadline_ = base::SteadyTime::max();
    io_.counters.bytes_sent.Add(static_cast<size_t>(written));
    queue_.Consume(static_cast<size_t>(written));
    return true;
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

// Takes frames from nghttp2 until enough is there for one system call.
void Http2Connection::FillQueue() {
  while (!failed_ && queue_.unsent_bytes() < kMaxQueuedBytes) {
    const uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &frame);
    if (size < 0) Fail(NGHTTP2_INTERNAL_ERROR);
    if (size <= 0) break;
    queue_.Copy({reinterpret_cast<const char*>(frame), static_cast<size_t>(size)});
  }
  if (failed_) LoseStreams();
}

// True when a stream that had waited has done something, and so perhaps has output.
bool Http2Connection::ServeAttention() {
  if (!std::exchange(attention_, false)) return false;
  bool progress = false;
  for (Http2Stream* stream = first_; stream != nullptr; stream = stream->next_) {
    if (stream->closed_ || !stream->wants_attention()) continue;
    progress |= stream->OnAttention();
    attention_ |= stream->wants_attention();
  }
  return progress;
}

// Nothing can come or go any more.
bool Http2Connection::Done() const {
  if (queue_.unsent_bytes() > 0) return false;
  return failed_ || (nghttp2_session_want_read(session_.get()) == 0 &&
                     nghttp2_session_want_write(session_.get()) == 0);
}

// After our last frame. The socket is not closed over unread bytes: that would reset the connection
// before the client has read why.
void Http2Connection::EndOutput() {
  if (peer_ended_) return Close();
  phase_ = Phase::kLingering;
  idle_since_ = now();
  client_.transport.EndOutput();
  LoseStreams();
  DiscardInput();
}

void Http2Connection::DiscardInput() {
  PooledBuffer scratch = io_.buffers.TakeBlock();
  for (int i = 0; i < kDiscardsPerTurn && readable_; ++i) {
    const ssize_t received = client_.transport.Receive(scratch.data(), scratch.size());
    if (received > 0 || (received < 0 && errno == EINTR)) {
      if (received > 0) io_.counters.bytes_received.Add(static_cast<size_t>(received));
      continue;
    }
    readable_ = false;
    if (received == 0 || errno != EAGAIN) return Close();
  }
  discard_at_ = now() + kDiscardPause;
}

void Http2Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  if (queue_.unsent_bytes() == 0) client_.transport.EndTls();
  io_.loop.Remove(client_.transport.fd(), this);
  io_.loop.CancelTimer(std::exchange(timer_, 0));
  client_.transport.Close();
  LoseStreams();
  queue_.Clear();
  session_.reset();
  Sweep();
  client_.ticket.Release();
}

// Tells what is open that the client is gone.
void Http2Connection::LoseStreams() {
  for (Http2Stream* stream = first_; stream != nullptr; stream = stream->next_) {
    if (!stream->closed_) OnStreamClosed(stream, NGHTTP2_NO_ERROR);
  }
}

// Gives back the streams that have ended; nobody is inside one of them now.
void Http2Connection::Sweep() {
  if (in_turn_) return;
  for (Http2Stream* stream : releasing_) {
    Unlink(*stream);
    stream->GiveBack();
  }
  releasing_.clear();
}

void Http2Connection::RetireIfDone() {
  if (phase_ != Phase::kClosed || first_ != nullptr || scheduled_turns_ > 0 || in_turn_ ||
      retired_) {
    return;
  }
  retired_ = true;
  io_.host.Retire(*this);
}

// RFC 9113 section 6.8: first a notice, so that no request is lost that is on its way, then the
// real GOAWAY when the client must have seen the notice.
void Http2Connection::BeginShutdown() {
  if (std::exchange(shutting_down_, true) || failed_) return;
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  shutdown_at_ = now() + kShutdownNotice;
}

void Http2Connection::FinishShutdown() {
  if (std::exchange(shutdown_at_, base::SteadyTime::max()) == base::SteadyTime::max()) return;
  if (failed_) return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

base::SteadyTime Http2Connection::StreamDeadline(const Http2Stream& stream) const {
  if (stream.closed_) return base::SteadyTime::max();
  base::SteadyTime deadline = stream.InputDeadline();
  if (!stream.output_.empty()) {
    deadline = std::min(deadline, stream.output_since_ + io_.limits.write_timeout);
  }
  return deadline;
}

base::SteadyTime Http2Connection::NextDeadline() const {
  const Limits& limits = io_.limits;
  if (phase_ == Phase::kLingering) {
    const base::SteadyTime end = idle_since_ + kLingerTime;
    return readable_ ? std::min(end, discard_at_) : end;
  }
  base::SteadyTime next =
      std::min({output_deadline_, shutdown_at_, check_streams_at_, look_again_at_});
  if (!settled_) next = std::min(next, started_at_ + limits.header_deadline);
  if (waits_for_frame()) next = std::min(next, guard_.unfinished_since() + limits.header_deadline);
  if (first_ == nullptr) return std::min(next, idle_since_ + limits.idle_timeout);
  if (ping_sent_at_ != base::SteadyTime::max()) {
    return std::min(next, ping_sent_at_ + limits.header_deadline);
  }
  return std::min(next, received_at_ + limits.idle_timeout);
}

// `check_streams_at_` is never later than the deadline of any stream, and often earlier: then the
// streams are looked at once, and it moves on.
void Http2Connection::Watch(base::SteadyTime deadline) {
  check_streams_at_ = std::min(check_streams_at_, deadline);
}

// One timer for all deadlines, left alone when it is early enough: most requests change nothing.
void Http2Connection::UpdateTimer() {
  const base::SteadyTime wanted = NextDeadline();
  if (phase_ == Phase::kClosed || wanted == base::SteadyTime::max()) return;
  if (timer_ != 0 && timer_at_ <= wanted) return;
  io_.loop.CancelTimer(timer_);
  timer_at_ = wanted;
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(wanted - now());
  timer_ = io_.loop.AddTimer(std::max(delay, std::chrono::milliseconds(0)), [this] {
    timer_ = 0;
    OnTimer();
  });
}

void Http2Connection::OnTimer() {
  in_turn_ = true;
  if (now() >= NextDeadline()) OnDeadlines();
  in_turn_ = false;
  Turn();
}

void Http2Connection::OnDeadlines() {
  const Limits& limits = io_.limits;
  if (phase_ == Phase::kLingering) {  // else it is time to read on, in Turn()
    if (now() >= idle_since_ + kLingerTime) Close();
    return;
  }
  if (now() >= look_again_at_) {
    SetLowWater(1);
    readable_ = true;
  }
  if (now() >= output_deadline_) {
    io_.counters.timeouts.Add(1);
    return Close();
  }
  const bool slow =
      waits_for_frame() && now() >= guard_.unfinished_since() + limits.header_deadline;
  if (slow || (!settled_ && now() >= started_at_ + limits.header_deadline)) {
    return Timeout(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  if (first_ == nullptr && now() >= idle_since_ + limits.idle_timeout) {
    return Timeout(NGHTTP2_NO_ERROR);
  }
  if (now() >= shutdown_at_) FinishShutdown();
  if (now() >= check_streams_at_) OnStreamDeadlines();
  if (first_ != nullptr) CheckLiveness();
}

void Http2Connection::Timeout(uint32_t error_code) {
  io_.counters.timeouts.Add(1);
  nghttp2_session_terminate_session(session_.get(), error_code);
}

void Http2Connection::OnStreamDeadlines() {
  check_streams_at_ = base::SteadyTime::max();
  for (Http2Stream* stream = first_; stream != nullptr; stream = stream->next_) {
    if (stream->closed_) continue;
    if (now() >= stream->InputDeadline()) {
      stream->OnInputDeadline();
    } else if (now() >= StreamDeadline(*stream)) {
      io_.counters.timeouts.Add(1);
      nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id_, NGHTTP2_CANCEL);
      continue;
    }
    Watch(StreamDeadline(*stream));
  }
}

// Streams may be open for long without a byte. Whether the client still lives, a PING says.
void Http2Connection::CheckLiveness() {
  if (ping_sent_at_ != base::SteadyTime::max()) {
    if (now() < ping_sent_at_ + io_.limits.header_deadline) return;
    io_.counters.timeouts.Add(1);
    Close();
  } else if (now() >= received_at_ + io_.limits.idle_timeout) {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    ping_sent_at_ = now();
  }
}

}  // namespace slipway::net

#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/connection.h"
#include "net/http2_frame_guard.h"
#include "net/http2_output.h"
#include "net/http2_request_head.h"
#include "net/http2_stream.h"
#include "net/io_context.h"

namespace slipway::net {

// One HTTP/2 connection (RFC 9113): frames to exchanges and gRPC calls, and answers to frames.
// nghttp2 has the protocol's state, HPACK and flow control; this class has the socket, the streams,
// the deadlines and what a client may cost.
//
// Input. A block from the loop's pool takes what the socket has, Http2FrameGuard looks at the frame
// headers in it, nghttp2 at the rest; the block goes back at the end of the turn. What streams get
// is copied to buffers of their own, counted by the ByteBudget, so windows are opened again at
// once; only receivers that hold their messages hold back their stream. A large message is received
// into its buffer straight away (FrameScatter).
//
// Output. Frames of all streams gather in a SendQueue and leave together, in Turn(): after events,
// or once at the end of the round in which a handler answered later. The payload of large answers
// is sent from where it lies. While the socket takes nothing, nothing is read.
//
// Ends. kOpen --> kLingering (GOAWAY sent, our side shut, reading on for a while so that the client
// can read it) --> kClosed. It lives on, without its socket, until handlers have answered.
class Http2Connection final : public Connection {
 public:
  Http2Connection(IoContext& io, Client client);
  ~Http2Connection() override;
  // Registers with the loop. `registered`: the socket is in the loop's set, with another watcher.
  void Start(bool registered);

  void OnEvents(uint32_t events) override;
  void BeginDrain() override;
  void Abort() override;

 private:
  friend class Http2Stream;
  friend struct Http2Callbacks;
  enum class Phase : uint8_t { kOpen, kLingering, kClosed };
  struct DeleteSession {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  // http2_connection.cc: turns, deadlines, ends.
  void Turn();
  void OnScheduledTurn();
  void OnOutput();
  bool MayReceive() const;
  bool Receive();
  bool ReceiveScattered(std::span<std::byte> room, const Http2FrameGuard::DataFrame& frame);
  bool Received(ssize_t received, size_t room);
  void SetLowWater(size_t bytes);
  void Flush();
  bool WriteOnce();
  void FillQueue();
  bool ServeAttention();
  bool Done() const;
  void EndOutput();
  void DiscardInput();
  void Close();
  void LoseStreams();
  void Sweep();
  void RetireIfDone();
  void BeginShutdown();
  void FinishShutdown();
  base::SteadyTime now() const { return io_.loop.round_time(); }
  // The client has begun one, and not because we read no further.
  bool waits_for_frame() const { return guard_.unfinished() && !readable_; }
  base::SteadyTime StreamDeadline(const Http2Stream& stream) const;
  base::SteadyTime NextDeadline() const;
  void Watch(base::SteadyTime deadline);
  void UpdateTimer();
  void OnTimer();
  void OnDeadlines();
  void OnStreamDeadlines();
  void CheckLiveness();
  void Timeout(uint32_t error_code);

  // http2_session.cc: between nghttp2 and the streams.
  bool StartSession();
  void Feed(std::string_view bytes);
  std::span<std::byte> DataRoom(const Http2FrameGuard::DataFrame& frame);
  void Fail(uint32_t error_code);
  void OnRequestHead(int32_t id, bool end);
  void OnEndOfStream(int32_t id);
  bool OnStreamClosed(Http2Stream* stream, uint32_t error_code);
  ssize_t ReadData(Http2Stream& stream, size_t room, uint32_t& flags);
  bool SendData(Http2Stream& stream, const uint8_t* frame_header, size_t size);
  void Link(Http2Stream& stream);
  void Unlink(Http2Stream& stream);
  void Account(Http2Stream& stream);
  void Retire(Http2Stream& stream);

  IoContext& io_;
  Client client_;
  std::unique_ptr<nghttp2_session, DeleteSession> session_;
  Http2FrameGuard guard_;
  Phase phase_ = Phase::kOpen;
  bool readable_ = true;         // the socket may have bytes, or its end, for us
  bool fin_seen_ = false;        // the client has shut its side, or all of it
  bool peer_ended_ = false;      // and everything before that was read
  bool output_blocked_ = false;  // the socket's buffer is full
  bool failed_ = false;          // our GOAWAY is in the queue; nghttp2 is not asked any more
  bool settled_ = false;         // the client's preface and SETTINGS have come
  bool attention_ = false;       // a stream waits for OnAttention()
  bool shutting_down_ = false;
  bool in_turn_ = false;
  bool retired_ = false;
  int scheduled_turns_ = 0;
  size_t receive_bytes_;  // room to offer the socket next time
  size_t low_water_ = 1;  // bytes from which on the socket is readable

  Http2RequestHead head_;  // that is coming; there can be only one
  base::SteadyTime head_since_;
  Http2Stream* first_ = nullptr;  // all streams that are not back in their pool
  size_t streams_ = 0;
  std::vector<Http2Stream*> releasing_;
  size_t unsent_bytes_ = 0;  // of all streams, beside queue_
  SendQueue queue_;
  RateCap resets_;

  const base::SteadyTime started_at_;
  base::SteadyTime idle_since_;  // or lingering since
  base::SteadyTime received_at_;
  base::SteadyTime ping_sent_at_ = base::SteadyTime::max();
  base::SteadyTime shutdown_at_ = base::SteadyTime::max();
  base::SteadyTime check_streams_at_ = base::SteadyTime::max();
  base::SteadyTime output_deadline_ = base::SteadyTime::max();
  base::SteadyTime discard_at_{};                             // while lingering: not before
  base::SteadyTime look_again_at_ = base::SteadyTime::max();  // for less than low_water_
  EventLoop::TimerId timer_ = 0;
  base::SteadyTime timer_at_ = base::SteadyTime::max();
};

}  // namespace slipway::net

#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "net/body_collector.h"
#include "net/buffer_pool.h"
#include "net/chunked_decoder.h"
#include "net/connection.h"
#include "net/http1_exchange.h"
#include "net/http1_parser.h"
#include "net/io_context.h"

namespace slipway::net {

// One HTTP/1 connection: bytes to exchanges, and answers to bytes, in order.
//
// Input. A read block from the loop's pool takes what the socket has; heads, and bodies that fit
// behind them, are parsed where they lie. Any other body gets a buffer of its own. The block stays
// as it is while a handler looks at a request in it, and goes back to the pool when it is empty, so
// that an idle connection holds none.
//   kHead --> kInPlace | kOwnBuffer | kDecode --> kHead ... --> kEnded (close asked for, or an
//   error)
//
// Output. Exchanges wait in a pipeline; everything that is answered at its front goes out in one
// system call. All of it happens in Turn(): after events, or once at the end of the round in which
// a handler answered later, so no handler is called from within its own Send().
//
// Ends. kOpen --> kLingering (answer sent, our side shut, reading on for a while so that the client
// can read the answer) --> kClosed. It lives on, without its socket, until handlers have answered.
class Http1Connection final : public Connection {
 public:
  Http1Connection(IoContext& io, Client client);
  ~Http1Connection() override;
  // Registers with the loop. `registered`: the socket is in the loop's set, with another watcher.
  void Start(bool registered);
  // The same, only to say `error` and close.
  void StartRefused(bool registered, const HttpError& error);

  void OnEvents(uint32_t events) override;
  void BeginDrain() override;
  void Abort() override;

 private:
  friend class Http1Exchange;
  enum class Input : uint8_t { kHead, kInPlace, kOwnBuffer, kDecode, kEnded };
  enum class Phase : uint8_t { kOpen, kLingering, kClosed };

  // http1_input.cc: from the socket to the handler.
  bool MayReceive() const;
  bool Receive();
  void OnEndOfInput();
  void EnsureRoom();
  void Process();
  bool StartRequest();
  bool MakeRoomBehindHead();
  HttpError PlanBody(Http1Exchange& exchange);
  HttpError PlanOwnBuffer(Http1Exchange& exchange);
  bool ContinueBody();
  HttpError Decode(bool& done);
  void Dispatch(std::byte* body, size_t size);
  void Fail(const HttpError& error);
  void Refuse(const HttpError& error);
  bool RoomForRequest() const;
  bool receiving() const;
  std::string_view Buffered() const;
  void ReleaseBlock();

  // http1_connection.cc: turns, answers, deadlines, ends.
  void Turn();
  bool WantsTurn() const;
  void OnScheduledTurn();
  void OnAnswered(Http1Exchange& exchange);
  void OnOutput();
  void EndInput();
  bool IsLast(const Http1Exchange& exchange) const { return last_ == &exchange; }
  void Flush();
  bool WriteOnce();
  void PopWritten(size_t bytes);
  bool CallWritable();
  void EndOutput();
  void DiscardInput();
  void Close();
  void TellClientGone();
  Http1Exchange& Push();
  void Unlink(Http1Exchange& exchange);
  void RetireIfDone();
  bool idle() const;
  base::SteadyTime now() const { return io_.loop.round_time(); }

  base::SteadyTime InputDeadline() const;
  void UpdateTimer();
  void OnTimer();
  void OnInputDeadline();
  void ProbeClient();

  IoContext& io_;
  Client client_;
  Phase phase_ = Phase::kOpen;
  Input input_ = Input::kHead;
  bool readable_ = false;        // the socket may have bytes, or its end, for us
  bool fin_seen_ = false;        // the client has shut its side, or all of it
  bool peer_ended_ = false;      // and everything before that was read
  bool output_blocked_ = false;  // the socket's buffer is full
  bool close_written_ = false;   // the last answer of this connection is out
  bool linger_ = false;          // the client may still be sending when it is
  bool gated_ = false;           // requests that have come wait for room in the pipeline
  bool in_turn_ = false;
  bool probed_ = false;
  bool retired_ = false;
  int scheduled_turns_ = 0;

  PooledBuffer block_;
  size_t begin_ = 0;  // of what has come and was not taken yet, in block_
  size_t end_ = 0;
  HeadScanner scanner_;
  size_t body_begin_ = 0;  // of the current request's body, in block_
  size_t body_left_ = 0;   // bytes of a body with Content-Length that were not taken yet
  size_t body_size_ = 0;   // of a body in its own buffer: bytes that have come
  ChunkedDecoder chunked_;
  std::unique_ptr<BodyCollector> collector_;  // made when first needed

  Http1Exchange* first_ = nullptr;  // the pipeline, in order of arrival
  Http1Exchange* last_ = nullptr;   // in kReceiving while its body comes
  size_t pipelined_ = 0;
  size_t unanswered_ = 0;  // given to the handler and not answered

  base::SteadyTime first_byte_at_;  // of the request whose head is coming
  base::SteadyTime since_;          // when the body, idleness, lingering or half-closure began
  size_t body_received_ = 0;        // bytes since then
  base::SteadyTime output_deadline_ = base::SteadyTime::max();
  EventLoop::TimerId timer_ = 0;
  base::SteadyTime timer_at_ = base::SteadyTime::max();
};

}  // namespace slipway::net

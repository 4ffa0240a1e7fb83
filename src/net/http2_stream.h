#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http2_output.h"
#include "net/http2_request_head.h"

namespace slipway::net {

class Http2Connection;
struct IoContext;

// A field for nghttp2, which copies it.
inline nghttp2_nv Http2Field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Control characters become blanks: what a client sent must not forge headers.
void BlankControlCharacters(std::string& value);

// One stream of an Http2Connection, from the end of its request head on: what an exchange and a
// gRPC call have in common. Belongs to a pool of its loop, and is reused.
//
// It ends in two halves, in any order: nghttp2 closes the stream (all was sent, or a reset, or the
// connection was lost), and the handler gives up its reference. Then it goes back to the pool, at
// the end of the connection's turn.
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;

 protected:
  // What the connection calls, always from its turn. Each may call a handler.
  virtual void OnHead() = 0;
  virtual void OnData(std::string_view bytes) = 0;
  // Where the next bytes for OnData() belong, if they may lie there already when it is called; what
  // is there before is of no use. Empty when they may not.
  virtual std::span<std::byte> DataRoom() { return {}; }
  virtual void OnEnd() = 0;
  // The client has reset the stream or is gone, while a handler uses it. Once.
  virtual void OnGone() = 0;
  // The request cannot be served: answer so, in the protocol of the stream.
  virtual void Refuse(const HttpError& error) = 0;
  // After RequestAttention(): does what can be done now; false when that is nothing. It is called
  // again until wants_attention() is false.
  virtual bool OnAttention() = 0;
  virtual bool wants_attention() const = 0;
  // Submits the trailers; false when the answer has none.
  virtual bool SubmitTrailers() = 0;
  // Whether a handler holds a reference.
  virtual bool in_use() const = 0;
  // When the client must have sent more, or must have its answer; max: never.
  virtual base::SteadyTime InputDeadline() const = 0;
  virtual void OnInputDeadline() = 0;
  virtual void GiveBack() = 0;
  // The answer was sent before the request was whole: whether the client is told at once to stop.
  virtual bool StopsClientAtOnce() const = 0;

  // Back to how it was made, memory kept. `connection_` stays: who holds a reference that has just
  // ended may still be on the way out.
  void ResetStream();

  IoContext& io() const;
  base::SteadyTime now() const;
  const RequestHead& head() const { return head_.head(); }
  const Http2RequestHead& http2_head() const { return head_; }
  base::SteadyTime first_byte_at() const { return first_byte_at_; }
  std::string_view peer() const;
  uint64_t client() const;
  bool closed() const { return closed_; }
  bool end_received() const { return end_received_; }

  void SubmitInterim(std::span<const nghttp2_nv> fields);
  // The head of the answer. `end`: nothing follows.
  void SubmitHead(std::span<const nghttp2_nv> fields, bool end);
  void SubmitTrailerFields(std::span<const nghttp2_nv> fields);
  bool head_submitted() const { return head_submitted_; }
  // What follows the head. Append to it, not when closed(), and Flush().
  StreamOutput& output() { return output_; }
  const StreamOutput& output() const { return output_; }
  void EndOutput() { output_ended_ = true; }
  // Lets the client not send the rest of its request, after the answer.
  void StopClient();
  // Lets what was appended go out, at the end of the round.
  void Flush();
  // The answer is about to go; see Connection::NoteAnswer().
  void NoteAnswer(bool refused);
  // Lets the client send `bytes` more.
  void Consume(size_t bytes);
  void RequestAttention();
  // The deadline may have become as early as this.
  void Watch(base::SteadyTime deadline);
  // The handler has given up its reference.
  void Release();

 private:
  friend class Http2Connection;
  friend struct Http2Callbacks;

  Http2Connection* connection_ = nullptr;
  Http2Stream* previous_ = nullptr;  // in the connection's list
  Http2Stream* next_ = nullptr;
  int32_t id_ = 0;
  bool closed_ = false;
  bool end_received_ = false;
  bool head_submitted_ = false;
  bool output_ended_ = false;
  bool releasing_ = false;  // in the connection's list of those that go back to the pool
  Http2RequestHead head_;
  base::SteadyTime first_byte_at_;
  StreamOutput output_;
  size_t counted_output_ = 0;      // in the connection's sum
  base::SteadyTime output_since_;  // the client has taken nothing since
};

}  // namespace slipway::net

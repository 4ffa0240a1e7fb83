#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "net/object_pool.h"

struct nghttp2_session;

namespace slipway::net {

// The client's side of one HTTP/2 connection, without its socket: bytes in, bytes out.
//
//   Submit(...);  send Output(), then Sent(n);  Receive(what came) -> the listener's callbacks; ...
//
// nghttp2 has the protocol's state, HPACK and flow control. Windows are wide (4 MiB a stream) and
// open again at once, so an answer costs as much memory as the listener keeps of it. Server push is
// off. Thread-compatible. Source: RFC 9113.
class Http2ClientSession {
 public:
  using Field = std::pair<std::string, std::string>;

  // Who made the requests. May call Submit() and Reset(), but no other function of the session. A
  // request is known by its stream and by the number that Submit() was given with it.
  class Listener {
   public:
    virtual ~Listener() = default;
    // Of interim answers, heads and trailers alike; pseudo fields included.
    virtual void OnField(int32_t stream, size_t tag, std::string_view name,
                         std::string_view value) = 0;
    virtual void OnBody(int32_t stream, size_t tag, std::string_view bytes) = 0;
    // The last that is heard of a stream. 0 (NO_ERROR): it ended as it should.
    virtual void OnEnd(int32_t stream, size_t tag, uint32_t error_code) = 0;
  };

  // `listener` must outlive the session. kResourceExhausted.
  static base::Result<std::unique_ptr<Http2ClientSession>> Create(Listener& listener);
  ~Http2ClientSession();
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;

  // Begins a request; its stream. Pseudo fields come first. `body` must live until OnEnd().
  // kUnavailable: the connection takes no more requests.
  base::Result<int32_t> Submit(std::span<const Field> fields, std::string_view body, size_t tag);
  // Cancels a request.
  void Reset(int32_t stream);
  // kDataLoss: not HTTP/2; the connection is of no more use.
  base::Status Receive(std::string_view bytes);
  // Bytes for the server; empty when there are none. Valid until the next call but Sent().
  std::string_view Output();
  // The first `size` of them are on their way.
  void Sent(size_t size) { out_begin_ += size; }
  // No new requests: the server has said so (GOAWAY), or there are no stream numbers left.
  bool closing() const { return closing_; }

 private:
  struct Callbacks;
  // A request whose body is being sent, or its answer being waited for.
  struct Request {
    std::string_view unsent;
    size_t tag = 0;
    void Reset() { *this = Request(); }
  };
  struct DeleteSession {
    void operator()(nghttp2_session* session) const;
  };

  explicit Http2ClientSession(Listener& listener) : listener_(listener) {}

  Listener& listener_;
  ObjectPool<Request> requests_;
  std::unique_ptr<nghttp2_session, DeleteSession> session_;
  std::string out_;
  size_t out_begin_ = 0;
  bool closing_ = false;
  bool broken_ = false;  // the server does not keep to HTTP/2
};

// "PROTOCOL_ERROR" and the like, or the number.
std::string Http2ErrorName(uint32_t error_code);

}  // namespace slipway::net

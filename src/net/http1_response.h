#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_message.h"

namespace slipway::net {

// "OK", "Not Found"; "Unknown" for a status without a name.
std::string_view ReasonPhrase(int status);

// The value of the Date header, formatted once a second. Thread-compatible.
class DateCache {
 public:
  explicit DateCache(base::Clock& clock) : clock_(clock) {}
  // "Sun, 06 Nov 1994 08:49:37 GMT" for the moment `now`.
  std::string_view At(base::SteadyTime now);

 private:
  base::Clock& clock_;
  base::SteadyTime valid_until_ = base::SteadyTime::min();
  std::string text_;
};

// What the head of an answer says beside the handler's own headers.
struct ResponseFrame {
  enum class Body : uint8_t { kNone, kLength, kChunked, kUntilClose };
  Body body = Body::kLength;
  uint64_t length = 0;  // for kLength
  enum class Connection : uint8_t { kSilent, kKeepAlive, kClose };
  Connection connection = Connection::kSilent;
  std::string_view coding;  // for Content-Encoding; empty: none
  // Another Accept-Encoding might have got another coding: caches must know (Vary).
  bool varies_by_coding = false;
  std::string_view date;
};

// Appends status line and headers of `response`, in lower case, and the empty line. Control
// characters in a handler's header values become blanks: what a client sent must not forge headers.
void AppendResponseHead(const HttpResponse& response, const ResponseFrame& frame, std::string& out);

// Makes `response` an error of ours: {"error": MESSAGE} as application/json.
void SetError(HttpResponse& response, int status, std::string_view message);

}  // namespace slipway::net

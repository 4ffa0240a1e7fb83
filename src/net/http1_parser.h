#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "net/content_coding.h"
#include "net/http_message.h"

namespace slipway::net {

// Why a request is refused before it reaches a handler. `message` is static text.
struct HttpError {
  int status = 0;  // 0: no error
  std::string message = {};
  explicit operator bool() const { return status != 0; }
};

struct HeadLimits {
  size_t max_bytes = 32 * 1024;        // request line and headers together: 431
  size_t max_count = 100;              // headers: 431
  size_t max_target_bytes = 8 * 1024;  // 414
};

// What the head of an HTTP/1 request says. The views point into the bytes that were parsed.
struct RequestHead {
  HttpMethod method = HttpMethod::kOther;
  std::string_view method_name;
  std::string_view path;
  std::string_view query;
  std::vector<HttpHeader> headers;
  uint64_t content_length = 0;  // 0 when there is none
  ContentCoding coding = ContentCoding::kIdentity;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool expect_continue = false;
  bool expect_unknown = false;  // an Expect that is not "100-continue"
};

// Finds the end of a request head in bytes that come in pieces, without looking at a byte twice.
//
// Refuses lines that do not end in CRLF, and heads over the limit. The verdict does not depend on
// how the bytes were cut into pieces. Thread-compatible.
class HeadScanner {
 public:
  enum class Outcome : uint8_t { kNeedMore, kComplete, kError };

  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}
  // `bytes` is everything since the last Reset(), each time from its beginning. Once kComplete, it
  // stays so.
  Outcome Scan(std::string_view bytes);
  // After kComplete: the head is bytes [begin(), end()), empty line included. One empty line before
  // the request line is skipped, as RFC 9112 section 2.2 asks.
  size_t begin() const { return begin_; }
  size_t end() const { return line_; }
  const HttpError& error() const { return error_; }
  void Reset() {
    begin_ = line_ = scanned_ = 0;
    complete_ = false;
  }

 private:
  Outcome Fail(int status, std::string_view message);

  const HeadLimits& limits_;
  size_t begin_ = 0;    // of the request line
  size_t line_ = 0;     // of the line that is not complete yet
  size_t scanned_ = 0;  // bytes that were searched for a line feed
  bool complete_ = false;
  HttpError error_;
};

// Parses a whole head, as HeadScanner found it. Accepts only what the grammar of RFC 9112 and RFC
// 9110 allows, and of two readings the one that cannot be smuggled past a proxy: no folded lines,
// no blank before a colon, one Host, one Content-Length, no Content-Length beside
// Transfer-Encoding, no transfer coding but one "chunked". Errors: 400, 414, 431, 501 and 505.
HttpError ParseRequestHead(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

// Two parts of it that HTTP/2 shares.
HttpMethod ParseMethod(std::string_view name);
// Fills in path and query of `head`, whose method is known already. Errors: 400, 414 and 501.
HttpError ParseTarget(std::string_view target, size_t max_bytes, RequestHead& head);

}  // namespace slipway::net

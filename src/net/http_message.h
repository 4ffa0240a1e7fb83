#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"

namespace slipway::net {

enum class HttpMethod : uint8_t { kGet, kHead, kPost, kPut, kDelete, kOptions, kPatch, kOther };

struct HttpHeader {
  std::string_view name;   // as sent: compare without case
  std::string_view value;  // without surrounding blanks
};

// One request, whole, in any version of HTTP. Views into the connection's buffers: valid until the
// exchange's answer has been sent. Thread-compatible.
struct HttpRequest {
  HttpMethod method = HttpMethod::kOther;
  std::string_view method_name;
  std::string_view path;   // percent-encoded, without the query; starts with '/' (or is "*")
  std::string_view query;  // after the '?', percent-encoded; empty when there is none
  std::span<const HttpHeader> headers;
  // Content-Encoding is already undone. At least 64 readable bytes follow the body, so that a
  // parser may read ahead. Mutable: a codec may decode in place.
  std::span<std::byte> body;
  base::SteadyTime first_byte_at;  // when the first byte of the request came
  base::SteadyTime complete_at;    // when its last byte was there
  std::string_view peer;           // "192.0.2.1:4711", "unix"
  uint64_t client = 0;             // Client::number

  // The value of the first header of that name, compared without case; empty when there is none.
  std::string_view Header(std::string_view name) const;
  bool HasHeader(std::string_view name) const;
};

// The answer being made. Reused from one exchange to the next, so that its memory is too.
struct HttpResponse {
  struct Header {
    std::string_view name;  // static text, lower case
    std::string value;
  };
  int status = 200;
  std::string_view content_type;  // static text; empty: none is sent
  std::vector<Header> headers;    // without Content-Length, Content-Type, Connection, Date
  std::string body;
  std::vector<base::Buffer> tail;  // follows `body`, sent without being copied
  // Compress when the client accepts it and it is worth it. Only for answers whose clients undo it.
  bool compressible = false;

  void AddHeader(std::string_view name, std::string_view value) {
    headers.push_back({name, std::string(value)});
  }
  void Clear();
};

// "%2F" and the like undone ('+' stays). False when a sequence is malformed or decodes to NUL.
bool PercentDecode(std::string_view text, std::string& out);

}  // namespace slipway::net

#pragma once

#include <span>
#include <string_view>

#include "net/content_coding.h"
#include "net/http_message.h"

namespace slipway::net {

// What the head of an answer says of its coding.
struct ResponseCoding {
  std::string_view name = {};  // for Content-Encoding; "": none
  bool varies = false;         // another Accept-Encoding would have brought another answer
};

// Compresses the body of `response` when it may be compressed, the client that sent `headers` wants
// it and it pays.
ResponseCoding CompressResponse(HttpResponse& response, std::span<const HttpHeader> headers,
                                Deflater& deflater);

// Whether an answer with this status has no body, nor a length of one (RFC 9110 section 6.4.1).
bool HasNoBody(int status);

}  // namespace slipway::net

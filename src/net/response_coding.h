#pragma once

#include <string_view>

#include "net/content_coding.h"
#include "net/http_message.h"

namespace slipway::net {

// Compresses the body of `response` when it may be compressed, the client that sent
// `accept_encoding` wants it and it pays. The coding, for Content-Encoding, or "".
std::string_view CompressResponse(HttpResponse& response, std::string_view accept_encoding,
                                  Deflater& deflater);

// Whether an answer with this status has no body, nor a length of one (RFC 9110 section 6.4.1).
bool HasNoBody(int status);

}  // namespace slipway::net

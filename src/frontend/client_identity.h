#pragma once

#include <cstdint>
#include <string>

#include "net/grpc_call.h"
#include "net/http_message.h"

namespace slipway::frontend {

// Who asks, for the fair shares of queues: requests of one client have the same number. That is
// what the connection knows (its TLS certificate, or else its address), unless `header` names a
// header that the request has: then equal values are one client. A proxy in front
// that knows its clients sets it; clients themselves could call themselves what they like.
uint64_t ClientOf(const net::HttpRequest& request, const std::string& header);
uint64_t ClientOf(const net::GrpcRequest& request, const std::string& header);

}  // namespace slipway::frontend

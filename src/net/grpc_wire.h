#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::net {

// The grammar of "gRPC over HTTP2" (PROTOCOL-HTTP2.md), as pure functions.

// Whether a request with this Content-Type is a gRPC call: "application/grpc", alone or followed by
// '+' or ';'.
bool IsGrpcContentType(std::string_view content_type);
// Whether we speak it: "application/grpc" and "application/grpc+proto".
bool IsKnownGrpcContentType(std::string_view content_type);

// A grpc-timeout: 1 to 8 digits and a unit of "HMSmun". Empty when it is malformed.
std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text);

// What stands in front of each message: whether it is compressed, and its length.
struct GrpcPrefix {
  static constexpr size_t kBytes = 5;
  uint8_t flag = 0;  // 0: plain, 1: compressed; anything else is an error
  uint32_t length = 0;
};
GrpcPrefix ParseGrpcPrefix(const std::array<char, GrpcPrefix::kBytes>& bytes);
std::array<char, GrpcPrefix::kBytes> FormatGrpcPrefix(const GrpcPrefix& prefix);

// Appends `message` as a grpc-message: bytes outside 0x20..0x7E, and '%', as "%XX".
void AppendGrpcMessage(std::string& out, std::string_view message);

// The status of a call that is refused with this HTTP status before it reaches a handler. Not for
// proxies' answers, which the protocol maps differently.
base::StatusCode GrpcCodeOfHttpStatus(int http_status);

}  // namespace slipway::net

#include "net/grpc_wire.h"

namespace slipway::net {
namespace {

constexpr std::string_view kGrpc = "application/grpc";

}  // namespace

bool IsGrpcContentType(std::string_view content_type) {
  if (!content_type.starts_with(kGrpc)) return false;
  content_type.remove_prefix(kGrpc.size());
  return content_type.empty() || content_type[0] == '+' || content_type[0] == ';';
}

bool IsKnownGrpcContentType(std::string_view content_type) {
  if (!IsGrpcContentType(content_type)) return false;
  content_type.remove_prefix(kGrpc.size());
  content_type = content_type.substr(0, content_type.find(';'));
  return content_type.empty() || content_type == "+proto";
}

std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  switch (text.back()) {
    case 'H': {
      // 8 digits of hours are 11,000 years; nanoseconds hold 292.
      constexpr int64_t kMaxHours = int64_t{250} * 365 * 24;
      return std::chrono::hours(value < kMaxHours ? value : kMaxHours);
    }
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::microseconds(value);
    case 'n':
      return std::chrono::nanoseconds(value);
    default:
      return std::nullopt;
  }
}

GrpcPrefix ParseGrpcPrefix(const std::array<char, GrpcPrefix::kBytes>& bytes) {
  GrpcPrefix prefix;
  prefix.flag = static_cast<uint8_t>(bytes[0]);
  for (size_t i = 1; i < GrpcPrefix::kBytes; ++i) {
    prefix.length = prefix.length << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return prefix;
}

std::array<char, GrpcPrefix::kBytes> FormatGrpcPrefix(const GrpcPrefix& prefix) {
  const auto byte = [&prefix](int shift) {
    return static_cast<char>(static_cast<uint8_t>(prefix.length >> shift));
  };
  return {static_cast<char>(prefix.flag), byte(24), byte(16), byte(8), byte(0)};
}

void AppendGrpcMessage(std::string& out, std::string_view message) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : message) {
    if (c >= 0x20 && c <= 0x7E && c != '%') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 0xF]);
  }
}

base::StatusCode GrpcCodeOfHttpStatus(int http_status) {
  switch (http_status) {
    case 408:
      return base::StatusCode::kDeadlineExceeded;
    case 413:
    case 414:
    case 429:
    case 431:
      return base::StatusCode::kResourceExhausted;
    case 404:
    case 501:
      return base::StatusCode::kUnimplemented;
    case 503:
      return base::StatusCode::kUnavailable;
    default:
      return base::StatusCode::kInternal;
  }
}

}  // namespace slipway::net

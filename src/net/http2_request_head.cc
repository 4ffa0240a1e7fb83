#include "net/http2_request_head.h"

#include <algorithm>

#include "base/text.h"
#include "net/grpc_wire.h"
#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

// What a field costs beside its name and value; the same as ": " and CRLF of HTTP/1.1.
constexpr size_t kFieldOverheadBytes = 4;

}  // namespace

void Http2RequestHead::Reset() {
  text_.clear();
  fields_.clear();
  method_ = path_ = {};
  total_bytes_ = 0;
  error_ = {};
  head_.headers.clear();
  head_.method = HttpMethod::kOther;
  head_.method_name = head_.path = head_.query = content_type_ = {};
  head_.content_length = 0;
  head_.coding = ContentCoding::kIdentity;
  head_.expect_continue = head_.expect_unknown = false;
  is_grpc_call_ = is_post_ = has_host_ = has_length_ = has_coding_ = false;
}

void Http2RequestHead::Add(std::string_view name, std::string_view value,
                           const HeadLimits& limits) {
  if (error_) return;
  total_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (name == ":path" && value.size() > limits.max_target_bytes) {
    error_ = {414, "the request target is too long"};
  } else if (total_bytes_ > limits.max_bytes) {
    error_ = {431, "the request headers are too large"};
  }
  if (error_) return;
  const Field field{text_.size(), name.size(), value.size()};
  if (name.starts_with(':')) {
    if (name == ":method") {
      method_ = field;
      is_post_ = value == "POST";
    } else if (name == ":path") {
      path_ = field;
    } else if (name == ":authority") {
      text_.append("host").append(value);
      fields_.push_back({field.offset, 4, value.size()});
      return;
    }
  } else if (fields_.size() == limits.max_count) {
    error_ = {431, "the request has too many headers"};
    return;
  } else {
    fields_.push_back(field);
    if (name == "content-type") is_grpc_call_ = is_post_ && IsKnownGrpcContentType(value);
  }
  text_.append(name).append(value);
}

HttpError Http2RequestHead::Finish(const HeadLimits& limits) {
  head_.headers.reserve(fields_.size());
  for (const Field& field : fields_) {
    const HttpHeader header{Text(field.offset, field.name_size),
                            Text(field.offset + field.name_size, field.value_size)};
    if (header.name == "host" && has_host_) {
      if (header.value != head_.headers.front().value && !error_) {
        error_ = {400, "the Host header is not what :authority says"};
      }
      continue;
    }
    head_.headers.push_back(header);
    const HttpError error = Apply(header);
    if (error && !error_) error_ = error;
  }
  head_.method_name = Text(method_.offset + method_.name_size, method_.value_size);
  head_.method = ParseMethod(head_.method_name);
  if (error_) return error_;
  return ParseTarget(Text(path_.offset + path_.name_size, path_.value_size),
                     limits.max_target_bytes, head_);
}

HttpError Http2RequestHead::Apply(const HttpHeader& field) {
  switch (field.name.size()) {
    case 4:
      if (field.name != "host") break;
      has_host_ = true;
      // The first host is kept in front, so that a second is compared with it.
      std::swap(head_.headers.front(), head_.headers.back());
      if (!std::ranges::all_of(field.value, [](char c) { return Is(c, kHostChar); })) {
        return {400, "the Host header is not a host"};
      }
      break;
    case 6:
      if (field.name != "expect") break;
      (base::EqualsIgnoreCase(field.value, "100-continue") ? head_.expect_continue
                                                           : head_.expect_unknown) = true;
      break;
    case 12:
      if (field.name == "content-type") content_type_ = field.value;
      break;
    case 14:
      if (field.name == "content-length") return ApplyLength(field.value);
      break;
    case 16:
      if (field.name != "content-encoding") break;
      head_.coding = has_coding_ ? ContentCoding::kUnknown : ParseContentCoding(field.value);
      has_coding_ = true;
      break;
    default:
      break;
  }
  return {};
}

// nghttp2 has checked that it is one number, and compares it with what comes.
HttpError Http2RequestHead::ApplyLength(std::string_view value) {
  has_length_ = true;
  for (const char digit : value) {
    if (head_.content_length > (UINT64_MAX >> 4) / 10) {
      return {413, "the Content-Length is too large"};
    }
    head_.content_length = head_.content_length * 10 + static_cast<uint64_t>(digit - '0');
  }
  return {};
}

}  // namespace slipway::net

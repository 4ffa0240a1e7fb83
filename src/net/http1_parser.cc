#include "net/http1_parser.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

bool AllOf(std::string_view text, CharClass char_class) {
  return std::all_of(text.begin(), text.end(), [=](char c) { return Is(c, char_class); });
}

// Removes SP and HTAB from both ends.
std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `use` with each element of a comma-separated list, without blanks around it.
template <typename Use>
void ForEachElement(std::string_view list, const Use& use) {
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = TrimBlanks(list.substr(0, comma));
    if (!element.empty()) use(element);
    if (comma == list.size()) return;
    list.remove_prefix(comma + 1);
  }
}

class HeadParser {
 public:
  HeadParser(const HeadLimits& limits, RequestHead& head) : limits_(limits), head_(head) {}
  HttpError Parse(std::string_view bytes);

 private:
  HttpError ParseRequestLine(std::string_view line);
  HttpError ParseVersion(std::string_view version);
  HttpError ParseField(std::string_view line);
  HttpError ApplyField(const HttpHeader& field);
  HttpError ApplyHost(std::string_view value);
  HttpError ApplyContentLength(std::string_view value);
  HttpError ApplyTransferEncoding(std::string_view value);
  void ApplyConnection(std::string_view value);
  HttpError CheckWhole();

  const HeadLimits& limits_;
  RequestHead& head_;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

HttpError HeadParser::Parse(std::string_view bytes) {
  head_.headers.clear();
  const char* at = bytes.data();
  const char* const end = at + bytes.size() - 2;  // without the empty line
  bool first = true;
  while (at < end) {
    const char* line_feed = static_cast<const char*>(
        std::memchr(at, '\n', static_cast<size_t>(bytes.data() + bytes.size() - at)));
    const std::string_view line(at, static_cast<size_t>(line_feed - at) - 1);
    if (HttpError error = first ? ParseRequestLine(line) : ParseField(line)) return error;
    first = false;
    at = line_feed + 1;
  }
  return CheckWhole();
}

// request-line = method SP request-target SP HTTP-version
HttpError HeadParser::ParseRequestLine(std::string_view line) {
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return {400, "the request line is not 'METHOD TARGET HTTP/1.1'"};
  }
  head_.method_name = line.substr(0, method_end);
  if (head_.method_name.empty() || !AllOf(head_.method_name, kTokenChar)) {
    return {400, "the request method is not a token"};
  }
  head_.method = ParseMethod(head_.method_name);
  if (HttpError error = ParseVersion(line.substr(target_end + 1))) return error;
  return ParseTarget(line.substr(method_end + 1, target_end - method_end - 1),
                     limits_.max_target_bytes, head_);
}

HttpError HeadParser::ParseVersion(std::string_view version) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return {400, "the protocol version is not 'HTTP/' digit '.' digit"};
  }
  if (version[5] != '1') return {505, "this protocol version is not supported; use HTTP/1.1"};
  head_.http_1_0 = version[7] == '0';
  return {};
}

// field-line = field-name ":" OWS field-value OWS
HttpError HeadParser::ParseField(std::string_view line) {
  if (head_.headers.size() == limits_.max_count) return {431, "the request has too many headers"};
  size_t colon = 0;
  while (colon < line.size() && Is(line[colon], kTokenChar)) ++colon;
  if (colon == line.size() || line[colon] != ':') {
    if (line[0] == ' ' || line[0] == '\t') return {400, "a folded header line is not allowed"};
    return {400, "a header name is not a token directly before a ':'"};
  }
  if (colon == 0) return {400, "a header has no name"};
  const HttpHeader field{line.substr(0, colon), TrimBlanks(line.substr(colon + 1))};
  if (!AllOf(field.value, kFieldChar)) return {400, "a header value has a control character"};
  head_.headers.push_back(field);
  return ApplyField(field);
}

HttpError HeadParser::ApplyField(const HttpHeader& field) {
  const auto is = [&field](std::string_view name) {
    return base::EqualsIgnoreCase(field.name, name);
  };
  switch (field.name.size()) {
    case 4:
      if (is("host")) return ApplyHost(field.value);
      break;
    case 6:
      if (is("expect")) {
        (base::EqualsIgnoreCase(field.value, "100-continue") ? head_.expect_continue
                                                             : head_.expect_unknown) = true;
      }
      break;
    case 10:
      if (is("connection")) ApplyConnection(field.value);
      break;
    case 14:
      if (is("content-length")) return ApplyContentLength(field.value);
      break;
    case 16:
      if (is("content-encoding")) {
        head_.coding = has_coding_ ? ContentCoding::kUnknown : ParseContentCoding(field.value);
        has_coding_ = true;
      }
      break;
    case 17:
      if (is("transfer-encoding")) return ApplyTransferEncoding(field.value);
      break;
    default:
      break;
  }
  return {};
}

HttpError HeadParser::ApplyHost(std::string_view value) {
  if (has_host_) return {400, "the request has more than one Host header"};
  has_host_ = true;
  if (!AllOf(value, kHostChar)) return {400, "the Host header is not a host"};
  return {};
}

HttpError HeadParser::ApplyContentLength(std::string_view value) {
  if (has_length_) return {400, "the request has more than one Content-Length"};
  has_length_ = true;
  if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
    return {400, "the Content-Length is not a number"};
  }
  for (const char digit : value) {
    if (head_.content_length > (UINT64_MAX >> 4) / 10)
      return {413, "the Content-Length is too large"};
    head_.content_length = head_.content_length * 10 + static_cast<uint64_t>(digit - '0');
  }
  return {};
}

HttpError HeadParser::ApplyTransferEncoding(std::string_view value) {
  if (head_.chunked) return {400, "the request has more than one transfer coding"};
  if (!base::EqualsIgnoreCase(value, "chunked")) {
    return {501, "the only supported Transfer-Encoding is a single 'chunked'"};
  }
  head_.chunked = true;
  return {};
}

void HeadParser::ApplyConnection(std::string_view value) {
  ForEachElement(value, [this](std::string_view element) {
    says_close_ |= base::EqualsIgnoreCase(element, "close");
    says_keep_alive_ |= base::EqualsIgnoreCase(element, "keep-alive");
  });
}

HttpError HeadParser::CheckWhole() {
  if (!has_host_ && !head_.http_1_0) return {400, "the request has no Host header"};
  if (head_.chunked && has_length_) {
    return {400, "the request has both Content-Length and Transfer-Encoding"};
  }
  if (head_.chunked && head_.http_1_0) return {400, "HTTP/1.0 has no Transfer-Encoding"};
  if (head_.http_1_0) head_.expect_continue = head_.expect_unknown = false;
  head_.keep_alive = !says_close_ && (!head_.http_1_0 || says_keep_alive_);
  return {};
}

}  // namespace

HttpMethod ParseMethod(std::string_view name) {
  if (name == "GET") return HttpMethod::kGet;
  if (name == "POST") return HttpMethod::kPost;
  if (name == "HEAD") return HttpMethod::kHead;
  if (name == "PUT") return HttpMethod::kPut;
  if (name == "DELETE") return HttpMethod::kDelete;
  if (name == "OPTIONS") return HttpMethod::kOptions;
  if (name == "PATCH") return HttpMethod::kPatch;
  return HttpMethod::kOther;
}

HttpError ParseTarget(std::string_view target, size_t max_bytes, RequestHead& head) {
  if (target.size() > max_bytes) return {414, "the request target is too long"};
  if (head.method_name == "CONNECT") return {501, "the method CONNECT is not supported"};
  if (target == "*") {
    if (head.method != HttpMethod::kOptions) return {400, "the target '*' is for OPTIONS only"};
    head.path = target;
    head.query = {};
    return {};
  }
  if (!target.starts_with('/')) {  // absolute-form: scheme and authority say nothing to us
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos ||
        (!base::EqualsIgnoreCase(target.substr(0, scheme), "http") &&
         !base::EqualsIgnoreCase(target.substr(0, scheme), "https"))) {
      return {400, "the request target must begin with '/'"};
    }
    const size_t authority = scheme + 3;
    const size_t path = std::min(target.find_first_of("/?", authority), target.size());
    const std::string_view host = target.substr(authority, path - authority);
    if (host.empty() || !AllOf(host, kHostChar))
      return {400, "the request target has no valid host"};
    target.remove_prefix(path);
  }
  for (size_t i = 0; i < target.size(); ++i) {
    if (!Is(target[i], kTargetChar))
      return {400, "the request target has a character that must be percent-encoded"};
    if (target[i] == '%' &&
        (target.size() - i < 3 || !Is(target[i + 1], kHexDigit) || !Is(target[i + 2], kHexDigit))) {
      return {400, "the request target has a '%' without two hexadecimal digits"};
    }
  }
  const size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (head.path.empty()) head.path = "/";
  head.query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  return {};
}

HeadScanner::Outcome HeadScanner::Fail(int status, std::string_view message) {
  error_ = {status, std::string(message)};
  return Outcome::kError;
}

HeadScanner::Outcome HeadScanner::Scan(std::string_view bytes) {
  if (complete_) return Outcome::kComplete;
  const size_t visible = std::min(bytes.size(), limits_.max_bytes);
  while (scanned_ < visible) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', visible - scanned_);
    if (found == nullptr) break;
    const size_t line_feed = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (line_feed == line_ || bytes[line_feed - 1] != '\r') {
      return Fail(400, "a line of the request head does not end in CRLF");
    }
    const bool empty = line_feed == line_ + 1;
    const bool before_request_line = line_ == begin_;
    scanned_ = line_ = line_feed + 1;
    if (!empty) continue;
    if (!before_request_line) {
      complete_ = true;
      return Outcome::kComplete;
    }
    if (begin_ != 0) return Fail(400, "the request begins with empty lines");
    begin_ = line_;
  }
  scanned_ = visible;
  if (bytes.size() < limits_.max_bytes) return Outcome::kNeedMore;
  if (line_ == begin_) return Fail(414, "the request line is too long");
  return Fail(431, "the request headers are too large");
}

HttpError ParseRequestHead(std::string_view bytes, const HeadLimits& limits, RequestHead& head) {
  head.method = HttpMethod::kOther;
  head.content_length = 0;
  head.coding = ContentCoding::kIdentity;
  head.http_1_0 = head.chunked = head.expect_continue = head.expect_unknown = false;
  head.keep_alive = true;
  return HeadParser(limits, head).Parse(bytes);
}

}  // namespace slipway::net

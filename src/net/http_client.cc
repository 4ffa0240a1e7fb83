#include "net/http_client.h"

#include <algorithm>
#include <charconv>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/chunked_decoder.h"
#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

constexpr size_t kMaxHeadBytes = 64 * 1024;

bool IsSendable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return Is(c, kFieldChar); });
}

base::Result<std::string> WriteHead(const HttpClient::Request& request, std::string_view host) {
  std::string head =
      base::StrCat(request.method, " ", request.target, " HTTP/1.1\r\nhost: ", host, "\r\n");
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    head += base::StrCat("content-length: ", request.body.size(), "\r\n");
  }
  for (const auto& [name, value] : request.headers) {
    if (!IsSendable(name) || !IsSendable(value)) {
      return base::InvalidArgument(
          base::StrCat("header '", base::Printable(name), "' has control characters"));
    }
    head += base::StrCat(name, ": ", value, "\r\n");
  }
  if (!IsSendable(request.target) || request.target.find(' ') != std::string_view::npos) {
    return base::InvalidArgument(
        base::StrCat("target '", base::Printable(request.target), "' must be percent-encoded"));
  }
  return head + "\r\n";
}

base::Status NotHttp(std::string_view line) {
  return base::DataLoss(base::StrCat("the answer is not HTTP: '", base::Printable(line), "'"));
}

// "HTTP/1.1 200 OK"
bool ParseStatusLine(std::string_view line, int& status) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return false;
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
  return error == std::errc() && end == line.data() + 12 && status >= 100;
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

base::Status ParseHead(std::string_view head, HttpClient::Response& response) {
  const size_t line_end = head.find("\r\n");
  if (!ParseStatusLine(head.substr(0, line_end), response.status)) {
    return NotHttp(head.substr(0, line_end));
  }
  response.headers.clear();
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return NotHttp(line);
    response.headers.emplace_back(ToLower(line.substr(0, colon)),
                                  base::TrimWhitespace(line.substr(colon + 1)));
  }
  return base::OkStatus();
}

}  // namespace

std::string_view HttpClient::Response::Header(std::string_view name) const {
  const auto found =
      std::ranges::find(headers, name, [](const auto& h) -> std::string_view { return h.first; });
  return found == headers.end() ? std::string_view() : found->second;
}

base::Result<HttpClient> HttpClient::Create(std::string_view url, const base::Clock& clock,
                                            const Options& options) {
  SLIPWAY_ASSIGN_OR_RETURN(ServerName name, ServerName::Resolve(url));
  if (name.tls && options.tls == nullptr) {
    return base::InvalidArgument(
        base::StrCat("url '", base::Printable(url), "': https is not set up for this client"));
  }
  return HttpClient(std::string(url), std::move(name), clock, options);
}

base::Result<HttpClient::Response> HttpClient::Send(const Request& request) {
  base::Result<Response> response = Exchange(request);
  if (response.ok()) return response;
  socket_.Close();  // whatever is left on this connection belongs to nobody
  return response.status().WithContext(url_);
}

base::Result<HttpClient::Response> HttpClient::Exchange(const Request& request) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string head, WriteHead(request, name_.authority));
  if (socket_.open() && !socket_.Idle()) socket_.Close();
  if (!socket_.open()) {
    received_.clear();
    socket_.set_deadline(clock_->SteadyNow() + options_.connect_timeout);
    SLIPWAY_RETURN_IF_ERROR(socket_.Connect(name_, options_.tls));
  }
  socket_.set_deadline(clock_->SteadyNow() + options_.timeout);
  // A server may refuse a request before it has read it all: its answer says more than our failure.
  base::Status written = socket_.Write(head);
  if (written.ok()) written = socket_.Write(request.body);
  if (!written.ok() && written.code() != base::StatusCode::kUnavailable) return written;
  Response response;
  do {
    const base::Status read = ReadHead(response);
    if (!read.ok()) return written.ok() ? read : written;
  } while (response.status < 200);
  SLIPWAY_RETURN_IF_ERROR(ReadBody(request, response));
  if (!written.ok() || base::EqualsIgnoreCase(response.Header("connection"), "close")) {
    socket_.Close();
  }
  return response;
}

base::Status HttpClient::ReadHead(Response& response) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (received_.size() > kMaxHeadBytes)
      return base::DataLoss("the answer's headers are too large");
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, socket_.Receive(received_));
    if (more) continue;
    if (!received_.empty() && !received_.starts_with("HTTP/")) {
      return NotHttp(std::string_view(received_).substr(0, received_.find("\r\n")));
    }
    return base::Unavailable("the server closed the connection without an answer");
  }
  const base::Status status = ParseHead(std::string_view(received_).substr(0, end + 2), response);
  received_.erase(0, end + 4);
  return status;
}

base::Status HttpClient::ReadBody(const Request& request, Response& response) {
  if (request.method == "HEAD" || response.status == 204 || response.status == 304)
    return base::OkStatus();
  if (base::EqualsIgnoreCase(response.Header("transfer-encoding"), "chunked"))
    return ReadChunked(response);
  const std::string_view length = response.Header("content-length");
  if (length.empty()) return ReadUntilClose(response);
  size_t bytes = 0;
  const char* const end = length.data() + length.size();
  const auto [stop, error] = std::from_chars(length.data(), end, bytes);
  if (error != std::errc() || stop != end)
    return base::DataLoss("the answer's Content-Length is not a number");
  return ReadLength(bytes, response);
}

namespace {

base::Status TooLarge(size_t limit) {
  return base::ResourceExhausted(
      base::StrCat("the answer is larger than ", base::FormatByteSize(limit)));
}

}  // namespace

base::Status HttpClient::ReadLength(size_t length, Response& response) {
  if (length > options_.max_response_bytes) return TooLarge(options_.max_response_bytes);
  while (received_.size() < length) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, socket_.Receive(received_));
    if (!more) return base::Unavailable("the server closed the connection within its answer");
  }
  response.body = received_.substr(0, length);
  received_.erase(0, length);
  return base::OkStatus();
}

base::Status HttpClient::ReadChunked(Response& response) {
  ChunkedDecoder decoder;
  while (true) {
    std::string_view input = received_;
    std::string_view data;
    ChunkedDecoder::Outcome outcome;
    while ((outcome = decoder.Decode(input, data)) == ChunkedDecoder::Outcome::kData)
      response.body += data;
    received_.erase(0, received_.size() - input.size());
    if (outcome == ChunkedDecoder::Outcome::kDone) return base::OkStatus();
    if (outcome == ChunkedDecoder::Outcome::kError)
      return base::DataLoss(std::string(decoder.error().message));
    if (response.body.size() > options_.max_response_bytes)
      return TooLarge(options_.max_response_bytes);
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, socket_.Receive(received_));
    if (!more) return base::Unavailable("the server closed the connection within its answer");
  }
}

base::Status HttpClient::ReadUntilClose(Response& response) {
  bool more = true;
  while (more) {
    if (received_.size() > options_.max_response_bytes)
      return TooLarge(options_.max_response_bytes);
    SLIPWAY_ASSIGN_OR_RETURN(more, socket_.Receive(received_));
  }
  response.body = std::move(received_);
  received_.clear();
  socket_.Close();
  return base::OkStatus();
}

}  // namespace slipway::net

#include "net/http_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/str_cat.h"
#include "base/text.h"
#include "net/chunked_decoder.h"
#include "net/http1_grammar.h"

namespace slipway::net {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr size_t kReceiveBytes = 64 * 1024;
constexpr size_t kMaxHeadBytes = 64 * 1024;

base::Result<SocketAddress> LookUp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return base::Unavailable(
        base::StrCat("host '", base::Printable(host), "': ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  return SocketAddress(found->ai_addr, found->ai_addrlen);
}

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

base::Result<ServerName> ServerName::Resolve(std::string_view url) {
  ServerName name;
  if (url.starts_with("unix:")) {
    SLIPWAY_ASSIGN_OR_RETURN(name.address, SocketAddress::Parse(url));
    name.authority = name.host = "localhost";
    return name;
  }
  name.tls = url.starts_with(kHttps);
  const std::string_view scheme = name.tls ? kHttps : kHttp;
  std::string_view authority = url.substr(std::min(scheme.size(), url.size()));
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (!url.starts_with(scheme) || authority.empty() ||
      authority.find('/') != std::string_view::npos ||
      !std::all_of(authority.begin(), authority.end(), [](char c) { return Is(c, kHostChar); })) {
    return base::InvalidArgument(
        base::StrCat("url '", base::Printable(url),
                     "': expected 'http://host:port', 'https://host:port' or 'unix:/path'"));
  }
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  const std::string port(colon != std::string_view::npos ? authority.substr(colon + 1)
                         : name.tls                      ? "443"
                                                         : "80");
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  name.authority = authority;
  name.host = host;
  SLIPWAY_ASSIGN_OR_RETURN(name.address, LookUp(name.host, port));
  return name;
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
  transport_.Close();  // whatever is left on this connection belongs to nobody
  return response.status().WithContext(url_);
}

base::Result<HttpClient::Response> HttpClient::Exchange(const Request& request) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string head, WriteHead(request, name_.authority));
  if (transport_.open() && ConnectionIsDead()) transport_.Close();
  if (!transport_.open()) SLIPWAY_RETURN_IF_ERROR(Connect());
  deadline_ = clock_->SteadyNow() + options_.timeout;
  // A server may refuse a request before it has read it all: its answer says more than our failure.
  base::Status written = Write(head);
  if (written.ok()) written = Write(request.body);
  if (!written.ok() && written.code() != base::StatusCode::kUnavailable) return written;
  Response response;
  do {
    const base::Status read = ReadHead(response);
    if (!read.ok()) return written.ok() ? read : written;
  } while (response.status < 200);
  SLIPWAY_RETURN_IF_ERROR(ReadBody(request, response));
  if (!written.ok() || base::EqualsIgnoreCase(response.Header("connection"), "close")) {
    transport_.Close();
  }
  return response;
}

bool HttpClient::ConnectionIsDead() {
  char byte = 0;
  const ssize_t size = transport_.Peek(&byte, 1);
  return size >= 0 || errno != EAGAIN;  // an end, an error, or bytes that nobody asked for
}

base::Status HttpClient::Connect() {
  received_.clear();
  deadline_ = clock_->SteadyNow() + options_.connect_timeout;
  const SocketAddress& where = name_.address;
  base::UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::ErrnoStatus(errno, "socket");
  const int on = 1;
  if (where.family() != AF_UNIX) {
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  int error = ::connect(fd.get(), where.get(), where.size()) == 0 ? 0 : errno;
  transport_ = Transport(std::move(fd));
  if (error == EINPROGRESS) {
    SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT).WithContext("connect"));
    socklen_t size = sizeof(error);
    ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) return base::Unavailable(base::StrCat("connect: ", std::strerror(error)));
  return name_.tls ? StartTls() : base::OkStatus();
}

base::Status HttpClient::StartTls() {
  if (tls_buffers_ == nullptr) tls_buffers_ = std::make_unique<TlsBuffers>();
  auto session = options_.tls->Connect(transport_.fd(), name_.host, *tls_buffers_);
  if (session == nullptr) return base::InvalidArgument("no name that a certificate can be for");
  transport_.StartTls(std::move(session));
  while (true) {
    switch (transport_.tls()->ContinueHandshake()) {
      case TlsSession::Progress::kDone:
        return base::OkStatus();
      case TlsSession::Progress::kWantRead:
        SLIPWAY_RETURN_IF_ERROR(Wait(POLLIN).WithContext("TLS handshake"));
        break;
      case TlsSession::Progress::kWantWrite:
        SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT).WithContext("TLS handshake"));
        break;
      case TlsSession::Progress::kFailed:
        return TlsClientContext::Explain(*transport_.tls());
    }
  }
}

base::Status HttpClient::Wait(short events) {
  pollfd entry{.fd = transport_.fd(), .events = events, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_->SteadyNow());
    if (left.count() <= 0) return base::DeadlineExceeded("no answer in time");
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return base::OkStatus();
    if (ready < 0 && errno != EINTR) return base::ErrnoStatus(errno, "poll");
  }
}

base::Status HttpClient::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const iovec piece{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    const ssize_t written = transport_.Send({&piece, 1});
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      SLIPWAY_RETURN_IF_ERROR(Wait(POLLOUT));
    } else if (errno != EINTR) {
      return base::Unavailable(base::StrCat("send: ", std::strerror(errno)));
    }
  }
  return base::OkStatus();
}

base::Result<bool> HttpClient::Receive() {
  while (true) {
    const size_t before = received_.size();
    received_.resize(before + kReceiveBytes);
    const ssize_t size =
        transport_.Receive(reinterpret_cast<std::byte*>(received_.data()) + before, kReceiveBytes);
    const int error = errno;
    received_.resize(before + (size > 0 ? static_cast<size_t>(size) : 0));
    if (size >= 0) return size > 0;
    if (error == EAGAIN) {
      SLIPWAY_RETURN_IF_ERROR(Wait(POLLIN));
    } else if (error != EINTR) {
      if (transport_.tls() != nullptr) return TlsClientContext::Explain(*transport_.tls());
      return base::Unavailable(base::StrCat("receive: ", std::strerror(error)));
    }
  }
}

base::Status HttpClient::ReadHead(Response& response) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (received_.size() > kMaxHeadBytes)
      return base::DataLoss("the answer's headers are too large");
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, Receive());
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
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, Receive());
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
    SLIPWAY_ASSIGN_OR_RETURN(const bool more, Receive());
    if (!more) return base::Unavailable("the server closed the connection within its answer");
  }
}

base::Status HttpClient::ReadUntilClose(Response& response) {
  bool more = true;
  while (more) {
    if (received_.size() > options_.max_response_bytes)
      return TooLarge(options_.max_response_bytes);
    SLIPWAY_ASSIGN_OR_RETURN(more, Receive());
  }
  response.body = std::move(received_);
  received_.clear();
  transport_.Close();
  return base::OkStatus();
}

}  // namespace slipway::net

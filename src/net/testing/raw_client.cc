#include "net/testing/raw_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"
#include "base/str_cat.h"
#include "net/chunked_decoder.h"
#include "net/socket_address.h"

namespace slipway::net {
namespace {

constexpr int kPatienceMs = 5000;

}  // namespace

std::string Get(std::string_view target, std::string_view headers) {
  return base::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n", headers, "\r\n");
}

RawClient::RawClient(std::string_view address, int receive_buffer) {
  const SocketAddress where = *SocketAddress::Parse(address);
  fd_.Reset(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  if (fd_.valid() && ::connect(fd_.get(), where.get(), where.size()) != 0) fd_.Reset();
}

bool RawClient::WaitFor(short events) {
  pollfd entry{.fd = fd_.get(), .events = events, .revents = 0};
  return ::poll(&entry, 1, kPatienceMs) == 1;
}

std::string RawClient::StartTls(SSL* ssl) {
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  tls_buffers_ = std::make_unique<TlsBuffers>();
  tls_ = std::make_unique<TlsSession>(ssl, fd_.get(), *tls_buffers_);
  while (true) {
    switch (tls_->ContinueHandshake()) {
      case TlsSession::Progress::kDone:
        return "";
      case TlsSession::Progress::kFailed:
        return tls_->error();
      case TlsSession::Progress::kWantRead:
        if (!WaitFor(POLLIN)) return "no answer";
        break;
      case TlsSession::Progress::kWantWrite:
        if (!WaitFor(POLLOUT)) return "the server does not read";
        break;
    }
  }
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!WaitFor(POLLOUT)) return false;
    const iovec piece{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    const ssize_t sent = tls_ != nullptr ? tls_->Send({&piece, 1})
                                         : ::send(fd_.get(), bytes.data(), bytes.size(),
                                                  MSG_NOSIGNAL | MSG_DONTWAIT);
    if (tls_ != nullptr && sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawClient::Receive() {
  char bytes[64 * 1024];
  ssize_t size = 0;
  if (tls_ == nullptr) {
    if (!WaitFor(POLLIN)) return false;
    size = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
  } else {
    do {
      size = tls_->Receive(reinterpret_cast<std::byte*>(bytes), sizeof(bytes));
    } while (size < 0 && errno == EAGAIN && WaitFor(POLLIN));
  }
  if (size <= 0) return false;
  received_.append(bytes, static_cast<size_t>(size));
  return true;
}

std::optional<RawClient::Response> RawClient::Read(bool no_body) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive()) return std::nullopt;
  }
  Response response;
  response.head = received_.substr(0, end + 2);
  for (char& c : response.head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  received_.erase(0, end + 4);
  response.status = std::atoi(response.head.c_str() + 9);
  if (no_body || response.status < 200 || response.status == 204) return response;
  if (response.Has("transfer-encoding: chunked")) {
    ChunkedDecoder decoder;
    while (true) {
      std::string_view input = received_;
      std::string_view data;
      ChunkedDecoder::Outcome outcome;
      while ((outcome = decoder.Decode(input, data)) == ChunkedDecoder::Outcome::kData) {
        response.body += data;
      }
      received_.erase(0, received_.size() - input.size());
      if (outcome == ChunkedDecoder::Outcome::kDone) return response;
      if (outcome == ChunkedDecoder::Outcome::kError || !Receive()) return std::nullopt;
    }
  }
  const size_t field = response.head.find("content-length: ");
  if (field == std::string::npos) {
    response.body = ReadToEnd();
    return response;
  }
  const size_t length = std::strtoull(response.head.c_str() + field + 16, nullptr, 10);
  while (received_.size() < length) {
    if (!Receive()) return std::nullopt;
  }
  response.body = received_.substr(0, length);
  received_.erase(0, length);
  return response;
}

bool RawClient::WaitForClose() {
  if (!received_.empty()) return false;
  if (tls_ != nullptr) return !Receive() && tls_->pending();  // an end, not our patience's
  if (!WaitFor(POLLIN)) return false;
  char byte = 0;
  return ::recv(fd_.get(), &byte, 1, 0) <= 0;
}

std::string RawClient::ReadToEnd() {
  while (Receive()) {
  }
  return std::move(received_);
}

void RawClient::ShutDownSending() { ::shutdown(fd_.get(), SHUT_WR); }

void RawClient::Reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd_.Reset();
}

}  // namespace slipway::net

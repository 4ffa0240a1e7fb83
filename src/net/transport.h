#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "base/unique_fd.h"
#include "net/tls_session.h"

namespace slipway::net {

// The bytes of one client, in the clear or through TLS: everything that a connection does with its
// socket. Owns the descriptor, which does not block. Thread-compatible; belongs to the connection's
// loop.
class Transport {
 public:
  explicit Transport(base::UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool open() const { return fd_.valid(); }
  // Everything goes through `session`, which uses our descriptor, from here on.
  void StartTls(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }
  // Null when nothing is encrypted.
  TlsSession* tls() { return tls_.get(); }

  // Up to `room` bytes; 0 at the orderly end; -1 with errno, EAGAIN when nothing is there now.
  // Less than `room`: the socket is empty, unless its end waits or pending().
  ssize_t Receive(std::byte* target, size_t room) {
    if (tls_ != nullptr) [[unlikely]]
      return tls_->Receive(target, room);
    return ::recv(fd_.get(), target, room, 0);
  }
  // The same into several places, front to back; only in the clear.
  ssize_t Receive(std::span<const iovec> targets) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(targets.data());
    message.msg_iovlen = targets.size();
    return ::recvmsg(fd_.get(), &message, 0);
  }
  // The socket is readable from so many bytes on, or at its end. Not kept where it fails: then
  // every byte makes it readable, as without it.
  void SetLowWater(size_t bytes) {
    const auto value = static_cast<int>(bytes);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
  }
  bool encrypted() const { return tls_ != nullptr; }
  // There is more to Receive() although the socket may stay quiet: ask before waiting for it.
  bool pending() const { return tls_ != nullptr && tls_->pending(); }
  // Like Receive(), but leaves the bytes where they are.
  ssize_t Peek(char* target, size_t room) {
    if (tls_ != nullptr) [[unlikely]]
      return tls_->Peek(target, room);
    return ::recv(fd_.get(), target, room, MSG_PEEK);
  }
  // Bytes taken from the front of `pieces`; -1 with errno, EAGAIN when the client must read first.
  // What was not taken must be at the front of the next call.
  ssize_t Send(std::span<const iovec> pieces) {
    if (tls_ != nullptr) [[unlikely]]
      return tls_->Send(pieces);
    if (pieces.size() == 1) {
      return ::send(fd_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  }
  // Nothing more will be sent; the client sees the end.
  void EndOutput() {
    EndTls();
    ::shutdown(fd_.get(), SHUT_WR);
  }
  // Tells a TLS client that all was sent, before Close(): without it, Close() looks like a cut.
  void EndTls() {
    if (tls_ != nullptr) tls_->SendClose();
  }
  void Close() {
    tls_.reset();
    fd_.Reset();
  }

 private:
  base::UniqueFd fd_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace slipway::net

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <utility>

#include "base/unique_fd.h"

namespace slipway::net {

// The bytes of one client: everything that a connection does with its socket. Owns the descriptor,
// which does not block. Thread-compatible; belongs to the connection's loop.
class Transport {
 public:
  explicit Transport(base::UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool open() const { return fd_.valid(); }

  // Up to `room` bytes; 0 at the orderly end; -1 with errno, EAGAIN when nothing is there now.
  ssize_t Receive(std::byte* target, size_t room) { return ::recv(fd_.get(), target, room, 0); }
  // Like Receive(), but leaves the bytes where they are.
  ssize_t Peek(char* target, size_t room) { return ::recv(fd_.get(), target, room, MSG_PEEK); }
  // Bytes taken from the front of `pieces`; -1 with errno, EAGAIN when the client must read first.
  ssize_t Send(std::span<const iovec> pieces) {
    if (pieces.size() == 1) {
      return ::send(fd_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  }
  // Nothing more will be sent; the client sees the end.
  void EndOutput() { ::shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }

 private:
  base::UniqueFd fd_;
};

}  // namespace slipway::net

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <shared_mutex>

#include "base/unique_fd.h"

namespace slipway::net {

// Accepts the connections of all listening sockets of a server, and keeps one descriptor back for
// the day when no other is left: given up, it lets a connection in only to close it, so that its
// client hears at once that there is no place instead of waiting in the kernel's queue.
//
// Thread-safe: while one thread has given the spare up, no other accepts, or it would take it. A
// spare that something else of the process took (a model's file, say) is made good before any
// connection is let in.
class SpareDescriptor {
 public:
  enum class TurnedAway : uint8_t {
    kOne,
    kNobodyWaits,
    kNoSpare,  // taken by something else: ask again later
  };

  SpareDescriptor();

  // accept4() of a non-blocking listener, `address` and `size` included. Not valid: `error` is
  // errno, EMFILE also where the last free descriptor became the spare.
  base::UniqueFd Accept(int listener, sockaddr* address, socklen_t* size, int& error);
  // After EMFILE or ENFILE: closes the connection that has waited longest.
  TurnedAway TurnAway(int listener);

 private:
  bool Restore();

  std::shared_mutex mutex_;  // shared to accept, alone to change spare_
  base::UniqueFd spare_;
};

}  // namespace slipway::net

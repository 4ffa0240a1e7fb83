#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::engine {

// One end of a connection between two processes: whole messages, each behind its length.
//
// Thread-compatible. Errors: kUnavailable when the other end is gone, kInvalidArgument for a
// message of more than kMaxMessageBytes.
class WorkerChannel {
 public:
  static constexpr size_t kMaxMessageBytes = size_t{4} << 30;

  explicit WorkerChannel(base::UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  // Whether the other end is gone.
  bool HungUp() const;
  base::Status Send(std::string_view message);
  // Waits for a message. kDeadlineExceeded or kCancelled when `deadline` ends the wait; what had
  // come of a message is lost then, and the channel with it.
  base::Result<std::vector<std::byte>> Receive(base::Deadline deadline = {});

 private:
  base::Status WaitReadable(base::Deadline deadline) const;
  base::Status ReceiveInto(std::span<std::byte> bytes, base::Deadline deadline) const;

  base::UniqueFd socket_;
};

// Both ends of a new connection. kResourceExhausted (descriptors).
struct ChannelEnds {
  base::UniqueFd ours;
  base::UniqueFd theirs;
};
base::Result<ChannelEnds> ConnectedPair();

}  // namespace slipway::engine

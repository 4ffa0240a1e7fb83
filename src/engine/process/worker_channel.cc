#include "engine/process/worker_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::engine {

using base::Result;
using base::Status;
using namespace std::chrono_literals;

namespace {

// How often a wait looks whether its request was abandoned, which no descriptor tells.
constexpr auto kLook = 20ms;

Status Gone() { return base::Unavailable("the other process is gone"); }

}  // namespace

Result<ChannelEnds> ConnectedPair() {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::ErrnoStatus(errno, "making a channel to a worker process");
  }
  return ChannelEnds{.ours = base::UniqueFd(ends[0]), .theirs = base::UniqueFd(ends[1])};
}

bool WorkerChannel::HungUp() const {
  pollfd entry{.fd = socket_.get(), .events = 0, .revents = 0};
  return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

Status WorkerChannel::Send(std::string_view message) {
  const uint64_t size = message.size();
  std::string framed(sizeof(size), '\0');
  std::memcpy(framed.data(), &size, sizeof(size));
  framed += message;
  for (std::string_view rest = framed; !rest.empty();) {
    const ssize_t sent = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Gone();
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  return base::OkStatus();
}

Result<std::vector<std::byte>> WorkerChannel::Receive(base::Deadline deadline) {
  uint64_t size = 0;
  SLIPWAY_RETURN_IF_ERROR(ReceiveInto(std::as_writable_bytes(std::span(&size, 1)), deadline));
  if (size > kMaxMessageBytes) {
    return base::InvalidArgument(base::StrCat("a message of ", size, " bytes between processes"));
  }
  // Memory grows with what comes, not with what was announced.
  std::vector<std::byte> message;
  constexpr size_t kPiece = size_t{1} << 20;
  while (message.size() < size) {
    const size_t had = message.size();
    message.resize(had + std::min<size_t>(kPiece, size - had));
    SLIPWAY_RETURN_IF_ERROR(ReceiveInto(std::span(message).subspan(had), deadline));
  }
  return message;
}

Status WorkerChannel::ReceiveInto(std::span<std::byte> bytes, base::Deadline deadline) const {
  while (!bytes.empty()) {
    SLIPWAY_RETURN_IF_ERROR(WaitReadable(deadline));
    const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Gone();
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
  return base::OkStatus();
}

Status WorkerChannel::WaitReadable(base::Deadline deadline) const {
  if (deadline.never()) return base::OkStatus();
  for (;;) {
    const base::SteadyTime now = std::chrono::steady_clock::now();
    if (deadline.IsAbandoned()) return base::Cancelled("the request was given up");
    if (now >= deadline.at) return base::DeadlineExceeded("no answer in time");
    auto wait = deadline.at == base::SteadyTime::max() ? kLook : deadline.at - now;
    if (deadline.abandoned != nullptr) wait = std::min<std::chrono::nanoseconds>(wait, kLook);
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait);
    pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int ready =
        poll(&entry, 1, static_cast<int>(std::min(ms, std::chrono::milliseconds(1h)).count()));
    if (ready > 0) return base::OkStatus();
    if (ready < 0 && errno != EINTR)
      return base::ErrnoStatus(errno, "waiting for a worker process");
  }
}

}  // namespace slipway::engine

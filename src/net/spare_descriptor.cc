#include "net/spare_descriptor.h"

#include <fcntl.h>

#include <cerrno>
#include <mutex>

namespace slipway::net {

SpareDescriptor::SpareDescriptor() { Restore(); }

bool SpareDescriptor::Restore() {
  if (!spare_.valid()) spare_.Reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return spare_.valid();
}

base::UniqueFd SpareDescriptor::Accept(int listener, sockaddr* address, socklen_t* size,
                                       int& error) {
  const auto accept = [&] {
    base::UniqueFd fd(::accept4(listener, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    error = fd.valid() ? 0 : errno;
    return fd;
  };
  {
    const std::shared_lock lock(mutex_);
    if (spare_.valid()) return accept();
  }
  const std::lock_guard lock(mutex_);
  if (Restore()) return accept();
  error = errno;
  return {};
}

SpareDescriptor::TurnedAway SpareDescriptor::TurnAway(int listener) {
  const std::lock_guard lock(mutex_);
  spare_.Reset();
  base::UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool turned_away = fd.valid();
  fd.Reset();
  if (!Restore()) return TurnedAway::kNoSpare;
  return turned_away ? TurnedAway::kOne : TurnedAway::kNobodyWaits;
}

}  // namespace slipway::net

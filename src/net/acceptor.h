#pragma once

#include <cstdint>

#include "base/unique_fd.h"
#include "net/connection.h"
#include "net/connection_limiter.h"
#include "net/event_loop.h"
#include "net/http1_parser.h"
#include "net/io_context.h"
#include "net/socket_address.h"
#include "net/spare_descriptor.h"

namespace slipway::net {

// Accepts the connections of one listening socket on one event loop, and gives them to
// the ConnectionHost. Lives on its loop's thread.
//
// A connection over a limit gets one line of explanation. When descriptors run out, the connections
// that wait are closed (SpareDescriptor), so that neither they nor the loop hang; when even that
// fails, accepting pauses for a moment.
class Acceptor final : public EventLoop::Watcher {
 public:
  // `listener` may be shared with other loops (a Unix socket): the kernel wakes one of them.
  Acceptor(IoContext& io, ConnectionLimiter& limiter, SpareDescriptor& spare,
           base::UniqueFd listener, bool shared, TlsMode tls);
  ~Acceptor() override;
  base::Status Start();
  // Takes in what the kernel has accepted already, then closes the socket.
  void Stop();

  void OnEvents(uint32_t events) override;

 private:
  enum class Next : uint8_t { kMore, kNobodyWaits, kNoDescriptor };

  Next AcceptOne();
  Next OnAcceptError(int error_number);
  void Refuse(base::UniqueFd fd, const HttpError& error);
  void Pause();

  IoContext& io_;
  ConnectionLimiter& limiter_;
  SpareDescriptor& spare_;
  base::UniqueFd listener_;
  const bool shared_;
  const TlsMode tls_;
  EventLoop::TimerId pause_timer_ = 0;
  base::SteadyTime warn_again_at_ = base::SteadyTime::min();
};

}  // namespace slipway::net

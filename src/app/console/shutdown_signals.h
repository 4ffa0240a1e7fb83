#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <utility>

namespace slipway::app {

// SIGINT and SIGTERM as something to wait for. Blocks both for the whole process, so make it before
// the first thread; the destructor lets them act again.
class ShutdownSignals {
 public:
  // What SIGHUP does: as always (the process ends), or it is something to wait for as well.
  enum class Hangup : uint8_t { kLeave, kReport };

  explicit ShutdownSignals(Hangup hangup = Hangup::kLeave);
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

  // True when a signal to end came within `limit`. Each signal is reported once. SIGHUP ends the
  // wait as well, with false.
  bool Wait(std::chrono::nanoseconds limit);
  // Whether SIGHUP came; forgets it.
  bool TakeHangup() { return std::exchange(hung_up_, false); }

 private:
  sigset_t signals_;
  bool hung_up_ = false;
};

}  // namespace slipway::app

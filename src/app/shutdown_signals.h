#pragma once

#include <chrono>

namespace slipway::app {

// SIGINT and SIGTERM as something to wait for. Blocks both for the whole process, so make it before
// the first thread; the destructor lets them act again.
class ShutdownSignals {
 public:
  ShutdownSignals();
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

  // True when a signal came within `limit`. Each signal is reported once.
  bool Wait(std::chrono::nanoseconds limit);
};

}  // namespace slipway::app

#include "app/console/shutdown_signals.h"

#include <csignal>
#include <ctime>

namespace slipway::app {

ShutdownSignals::ShutdownSignals(Hangup hangup) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  if (hangup == Hangup::kReport) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

ShutdownSignals::~ShutdownSignals() { pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }

bool ShutdownSignals::Wait(std::chrono::nanoseconds limit) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((limit - seconds).count())};
  const int signal = sigtimedwait(&signals_, nullptr, &timeout);
  hung_up_ = hung_up_ || signal == SIGHUP;
  return signal > 0 && signal != SIGHUP;
}

}  // namespace slipway::app

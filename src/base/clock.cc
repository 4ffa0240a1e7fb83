#include "base/clock.h"

#include <condition_variable>
#include <mutex>

namespace slipway::base {

bool RealClock::SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) {
  std::mutex mutex;  // guards nothing: the condition variable needs one to wait with
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace slipway::base

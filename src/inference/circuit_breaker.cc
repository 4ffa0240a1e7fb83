#include "inference/circuit_breaker.h"

#include <algorithm>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;

// A call that was let through and never reported back would keep the circuit open for ever, so
// another is tried after this.
constexpr std::chrono::seconds kTrialTime{10};

int64_t Nanoseconds(base::SteadyTime time) {
  return std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

base::Status CircuitBreaker::AdmitTrial(base::SteadyTime now) {
  int64_t until = open_until_.load(std::memory_order_relaxed);
  const int64_t time = Nanoseconds(now);
  if (until == 0) return base::OkStatus();
  if (time >= until && open_until_.compare_exchange_strong(until, Nanoseconds(now + kTrialTime),
                                                           std::memory_order_relaxed)) {
    return base::OkStatus();
  }
  const nanoseconds left(std::max<int64_t>(until - time, 1'000'000));
  return base::Unavailable(base::StrCat(
      "the model has failed ", in_a_row_.load(std::memory_order_relaxed),
      " times in a row and is left alone; it is tried again in ", base::FormatDuration(left)));
}

void CircuitBreaker::NoteChange(const base::Status& status, base::SteadyTime now) {
  const bool failed =
      status.code() == base::StatusCode::kInternal || status.code() == base::StatusCode::kDataLoss;
  if (!failed) {
    if (!status.ok()) return;  // the request's fault, which says nothing of the model
    in_a_row_.store(0, std::memory_order_relaxed);
    open_until_.store(0, std::memory_order_relaxed);
    return;
  }
  const int failures = in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures < options_.failures) return;
  const int doublings = std::min(failures - options_.failures, 20);
  const nanoseconds pause =
      std::min(options_.longest_pause, nanoseconds(options_.pause.count() << doublings));
  open_until_.store(Nanoseconds(now + pause), std::memory_order_relaxed);
}

}  // namespace slipway::inference

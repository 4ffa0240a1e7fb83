#include "engine/onnxruntime/run_watchdog.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/executor.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::Result;
using base::SteadyTime;

// One run: its options, which carry the stop flag, and its deadline.
struct RunWatchdog::Slot {
  RunOptionsPtr options;
  base::Deadline deadline;
  bool stopped = false;
};

// The runs of some of the threads.
struct alignas(64) RunWatchdog::Shard {
  std::mutex mutex;                         // guards running and idle, and `stopped` of what runs
  std::vector<Slot*> running;               // owned by their Watch
  std::vector<std::unique_ptr<Slot>> idle;  // kept for the next run
};

Result<RunOptionsPtr> MakeRunOptions() {
  OrtRunOptions* options = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateRunOptions(&options));
  RunOptionsPtr owned(options);
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().RunOptionsSetRunLogSeverityLevel(options, ORT_LOGGING_LEVEL_FATAL));
  return owned;
}

RunWatchdog::Watch::Watch(Shard& shard, std::unique_ptr<Slot> slot)
    : shard_(shard), slot_(std::move(slot)) {}

RunWatchdog::Watch::Watch(Watch&& other) noexcept = default;

RunWatchdog::Watch::~Watch() {
  if (slot_ == nullptr) return;
  const std::lock_guard lock(shard_.mutex);
  std::erase(shard_.running, slot_.get());
  if (!slot_->stopped) shard_.idle.push_back(std::move(slot_));
}

const OrtRunOptions* RunWatchdog::Watch::options() const { return slot_->options.get(); }

bool RunWatchdog::Watch::stopped() const {
  const std::lock_guard lock(shard_.mutex);
  return slot_->stopped;
}

RunWatchdog::RunWatchdog()
    : shards_(std::make_unique<std::array<Shard, kShards>>()),
      thread_([this](const std::stop_token& stop) { RunLoop(stop); }) {}

RunWatchdog::~RunWatchdog() = default;

RunWatchdog::Shard& RunWatchdog::ShardOfThisThread() {
  static thread_local const size_t kIndex =
      std::hash<std::thread::id>{}(std::this_thread::get_id()) % kShards;
  return (*shards_)[kIndex];
}

std::unique_ptr<RunWatchdog::Slot> RunWatchdog::StartIdle(Shard& shard, base::Deadline deadline) {
  const std::lock_guard lock(shard.mutex);
  if (shard.idle.empty()) return nullptr;
  std::unique_ptr<Slot> slot = std::move(shard.idle.back());
  shard.idle.pop_back();
  slot->deadline = deadline;
  shard.running.push_back(slot.get());
  return slot;
}

Result<std::unique_ptr<RunWatchdog::Slot>> RunWatchdog::StartNew(Shard& shard,
                                                                 base::Deadline deadline) {
  auto slot = std::make_unique<Slot>();
  SLIPWAY_ASSIGN_OR_RETURN(slot->options, MakeRunOptions());
  slot->deadline = deadline;
  const std::lock_guard lock(shard.mutex);
  shard.running.push_back(slot.get());
  return slot;
}

Result<RunWatchdog::Watch> RunWatchdog::Start(base::Deadline deadline) {
  Shard& shard = ShardOfThisThread();
  std::unique_ptr<Slot> slot = StartIdle(shard, deadline);
  if (slot == nullptr) {
    SLIPWAY_ASSIGN_OR_RETURN(slot, StartNew(shard, deadline));
  }
  WakeBy(NextLook(deadline, std::chrono::steady_clock::now()));
  return Watch(shard, std::move(slot));
}

SteadyTime RunWatchdog::NextLook(base::Deadline deadline, SteadyTime now) {
  constexpr std::chrono::milliseconds kAbandonedPeriod{20};
  if (deadline.abandoned == nullptr) return deadline.at;
  return std::min(deadline.at, now + kAbandonedPeriod);
}

void RunWatchdog::WakeBy(SteadyTime time) {
  if (wake_at_.load() <= time) return;
  {
    const std::lock_guard lock(mutex_);
    if (wake_at_.load() <= time) return;
    wake_at_ = time;
  }
  wake_.notify_one();
}

// A run is in its shard before WakeBy() looks at wake_at_, and wake_at_ is max while the shards are
// searched: so either the search finds the run or WakeBy() sets an earlier time.
void RunWatchdog::RunLoop(const std::stop_token& stop) {
  base::SetThreadName("run-watchdog");
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const SteadyTime until = wake_at_;
    const auto earlier = [&] { return wake_at_.load() < until; };
    if (until == SteadyTime::max()) {
      wake_.wait(lock, stop, earlier);
      continue;
    }
    if (wake_.wait_until(lock, stop, until, earlier) || stop.stop_requested()) continue;
    wake_at_ = SteadyTime::max();
    lock.unlock();
    const SteadyTime next = StopExpired(std::chrono::steady_clock::now());
    lock.lock();
    wake_at_ = std::min(wake_at_.load(), next);
  }
}

SteadyTime RunWatchdog::StopExpired(SteadyTime now) {
  SteadyTime next = SteadyTime::max();
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    for (Slot* slot : shard.running) {
      if (slot->stopped) continue;
      if (!slot->deadline.Expired(now)) {
        next = std::min(next, NextLook(slot->deadline, now));
        continue;
      }
      slot->stopped = true;
      const StatusPtr ignored(Api().RunOptionsSetTerminate(slot->options.get()));
    }
  }
  return next;
}

}  // namespace slipway::engine

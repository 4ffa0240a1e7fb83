#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {

// Options of a run, quiet: what goes wrong is in the Status of the run.
base::Result<RunOptionsPtr> MakeRunOptions();

// Stops runs of a model that are past their deadline, or that nobody waits for any more.
//
//   SLIPWAY_ASSIGN_OR_RETURN(const RunWatchdog::Watch watch, watchdog.Start(deadline));
//   OrtStatus* status = Api().Run(session, watch.options(), ...);
//   if (watch.stopped()) ...
//
// The runtime looks at its stop flag between two nodes, so a run ends after the node it is in. A
// watched run costs two uncontended locks and, as a rule, no wake-up: the thread sleeps until the
// earliest deadline it has heard of, and runs are mostly over by then. While a run that can be
// abandoned is under way it looks every 20 ms.
//
// Thread-safe. One thread, started here, stopped and joined by the destructor, which must not
// overlap a Watch. Real time on purpose: the runtime runs in it.
class RunWatchdog {
  struct Slot;
  struct Shard;

 public:
  // One watched run. Ends the watching when it is destroyed. Movable.
  class Watch {
   public:
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&&) = delete;
    ~Watch();
    const OrtRunOptions* options() const;
    // Was this run told to stop?
    bool stopped() const;

   private:
    friend class RunWatchdog;
    Watch(Shard& shard, std::unique_ptr<Slot> slot);
    Shard& shard_;
    std::unique_ptr<Slot> slot_;
  };

  RunWatchdog();
  ~RunWatchdog();
  RunWatchdog(const RunWatchdog&) = delete;
  RunWatchdog& operator=(const RunWatchdog&) = delete;

  base::Result<Watch> Start(base::Deadline deadline);

 private:
  static constexpr size_t kShards = 16;  // threads spread over them, to meet on a lock rarely

  Shard& ShardOfThisThread();
  // nullptr when there is no idle slot.
  static std::unique_ptr<Slot> StartIdle(Shard& shard, base::Deadline deadline);
  static base::Result<std::unique_ptr<Slot>> StartNew(Shard& shard, base::Deadline deadline);
  // When to look at a run with that deadline again.
  static base::SteadyTime NextLook(base::Deadline deadline, base::SteadyTime now);
  void WakeBy(base::SteadyTime time);
  void RunLoop(const std::stop_token& stop);
  // Stops what is past its deadline; returns when to look again.
  base::SteadyTime StopExpired(base::SteadyTime now);

  std::unique_ptr<std::array<Shard, kShards>> shards_;
  std::atomic<base::SteadyTime> wake_at_ = base::SteadyTime::max();  // when the thread wakes next
  std::mutex mutex_;  // guards nothing but the sleep: wake_at_ changes under it
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined while everything above is alive
};

}  // namespace slipway::engine

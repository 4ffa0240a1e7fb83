#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "app/bench/latency.h"
#include "app/bench/load.h"
#include "app/bench/server_process.h"
#include "app/console/shutdown_signals.h"
#include "base/clock.h"

namespace slipway::app {

// What the server's processes used in a piece of the measurement.
struct CostMoment {
  std::chrono::nanoseconds begin{0};  // from the start of the measurement
  std::chrono::nanoseconds length{0};
  std::chrono::nanoseconds cpu{0};
  uint64_t answers = 0;
};

// What the server's processes used while a load test measured.
struct ServerCost {
  std::vector<int> pids;
  std::chrono::nanoseconds cpu{0};
  uint64_t answers = 0;  // that came in the same time
  std::chrono::nanoseconds elapsed{0};
  std::vector<CostMoment> moments = {};

  // A measurement of the same processes that came after this one.
  void Append(const ServerCost& later);
  double cpu_us_per_request() const;
  double cores() const;
};

// Reads the server's and our own CPU clock around the measurement, shows how it goes, and ends it
// when a signal comes. Thread-compatible; everything it is given outlives it.
class BenchMeter final : public LoadListener {
 public:
  // `progress`: where to print a line each second; null: nowhere.
  BenchMeter(const base::Clock& clock, std::optional<ServerProcess> server,
             std::chrono::nanoseconds duration, ShutdownSignals& signals, std::ostream* progress);

  void OnMeasureBegin(uint64_t answers) override;
  void OnMeasureEnd(uint64_t answers) override;
  bool OnTick(const Tick& tick) override;

  // None when there is no server to be seen, or the measurement never began.
  std::optional<ServerCost> server_cost() const;
  // Of one core.
  double own_cpu_share() const;

 private:
  void CloseMoment(base::SteadyTime now, uint64_t answers);

  const base::Clock& clock_;
  const std::optional<ServerProcess> server_;
  const std::chrono::nanoseconds moment_length_;
  ShutdownSignals& signals_;
  std::ostream* const progress_;
  const base::SteadyTime start_;
  base::SteadyTime shown_at_;
  base::SteadyTime begin_;
  LatencyRecorder second_;
  std::chrono::nanoseconds own_cpu_{0};
  std::chrono::nanoseconds cpu_at_begin_{0};
  uint64_t answers_at_begin_ = 0;
  base::SteadyTime moment_begin_;
  std::chrono::nanoseconds moment_cpu_{0};
  uint64_t moment_answers_ = 0;
  ServerCost cost_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace slipway::app

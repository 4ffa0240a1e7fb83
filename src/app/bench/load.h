#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "app/bench/result.h"
#include "app/bench/stream.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "net/tls_session.h"

namespace slipway::app {

// Who watches a load test. Called on the thread that runs it.
class LoadListener {
 public:
  virtual ~LoadListener() = default;
  // The warm-up is over, or the last answer has come. `answers`: all so far, warm-up included.
  virtual void OnMeasureBegin(uint64_t answers) = 0;
  virtual void OnMeasureEnd(uint64_t answers) = 0;

  struct Tick {
    base::SteadyTime now;
    uint64_t answers = 0;           // all so far, warm-up included
    uint64_t failed = 0;            // measured
    const LatencyRecorder& recent;  // since the tick before, warm-up included
  };
  // About ten times a second. False ends the test now.
  virtual bool OnTick(const Tick& tick) = 0;
};

// Puts one or several kinds of load on a server, on one thread: see LoadStream.
class LoadGenerator {
 public:
  // `clock` must outlive the generator.
  LoadGenerator(std::vector<StreamPlan> plans, const LoadOptions& options,
                const base::Clock& clock);
  ~LoadGenerator();
  // Once. One result for each plan. kUnavailable (no connection at all), kResourceExhausted
  // (descriptors).
  base::Result<std::vector<LoadResult>> Run(LoadListener& listener);

 private:
  using Time = base::SteadyTime;

  base::Status Start(Time now);
  void Wait(Time now);
  void Tick(LoadListener& listener, Time now);
  bool Finished(Time now);
  uint64_t answers() const;
  uint64_t requests() const;

  const std::vector<StreamPlan> plans_;
  const LoadOptions options_;
  const base::Clock& clock_;
  net::TlsBuffers tls_buffers_;
  base::UniqueFd epoll_;
  std::vector<char> scratch_;
  std::vector<std::unique_ptr<LoadStream>> streams_;
  Time begin_;    // of the measurement
  Time end_;      // no request is due from here on
  Time give_up_;  // when what is still open counts as unanswered
  Time next_tick_;
  bool interrupted_ = false;
};

}  // namespace slipway::app

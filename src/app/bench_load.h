#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench_arrivals.h"
#include "app/bench_connection.h"
#include "app/bench_latency.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "net/socket_address.h"

namespace slipway::app {

struct LoadOptions {
  int connections = 32;
  // Requests a second that are due whatever the server does (open loop). 0: each connection sends
  // its next request when it has the answer (closed loop).
  double rate = 0;
  uint64_t seed = 1;  // of the arrival times
  std::chrono::nanoseconds warmup = std::chrono::seconds(1);
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  // for one answer
  uint64_t max_requests = 0;      // end after as many measured answers; 0: no limit
  bool distinct_answers = false;  // count answers by their content
};

// What went wrong, how often, and what was said the first time.
struct LoadError {
  uint64_t count = 0;
  std::string first;
};

// Answers with the same body and the same slipway-model-digest.
struct DistinctAnswer {
  std::string digest;
  std::string body;
  uint64_t count = 0;
};

// What a load test measured: all requests that were due or sent after the warm-up.
struct LoadResult {
  uint64_t requests = 0;    // answered or failed
  uint64_t answered = 0;    // of these, with a status of 2xx
  uint64_t unsent = 0;      // open loop: due, but never sent, because all connections were busy
  uint64_t unanswered = 0;  // sent, but given up at the end of the test
  std::map<std::string, LoadError> errors;  // by kind: "status 503", "timeout", "connect: ..."
  LatencyRecorder latency;                  // of answers with a status of 2xx
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;  // bodies of answers
  std::chrono::nanoseconds elapsed{0};
  bool interrupted = false;
  std::vector<DistinctAnswer> distinct;
  uint64_t other_distinct = 0;  // answers beyond the number of distinct ones that are told apart

  uint64_t failed() const { return requests - answered; }
};

// Who watches a load test. Called on the thread that runs it.
class LoadListener {
 public:
  virtual ~LoadListener() = default;
  // The warm-up is over, or the last answer has come. `answers`: all so far, warm-up included.
  virtual void OnMeasureBegin(uint64_t answers) = 0;
  virtual void OnMeasureEnd(uint64_t answers) = 0;
  // About ten times a second; `since_last` has the latencies since the tick before, warm-up
  // included. False ends the test now.
  virtual bool OnTick(const LoadResult& so_far, const LatencyRecorder& since_last,
                      base::SteadyTime now) = 0;
};

// Sends one request over and over, on one thread, and measures the answers.
//
// Latency counts from the moment a request was due, so a slow server cannot hide by keeping
// requests from being sent (coordinated omission); in the closed loop a request is due when it is
// sent. A failed connection is opened again after 100 ms. The request that was on it has failed,
// and so has each attempt to connect that is refused; an idle connection that the server closes
// costs nothing. Errors: kUnavailable (no connection at all), kResourceExhausted (descriptors).
class LoadGenerator {
 public:
  // `request` is a whole HTTP request. It, `clock` and what `target` points to must outlive the
  // generator.
  LoadGenerator(const BenchTarget& target, std::string_view request, const LoadOptions& options,
                const base::Clock& clock);
  ~LoadGenerator();
  base::Result<LoadResult> Run(LoadListener& listener);

 private:
  using Time = base::SteadyTime;

  base::Status OpenAll();
  void Wait(Time now);
  void Handle(BenchConnection& connection, BenchConnection::Event event, Time now);
  void OnAnswer(BenchConnection& connection, Time now);
  void RecordAnswer(const BenchConnection& connection, Time now);
  void RecordError(std::string_view kind, std::string_view first, Time started_at);
  void CountDistinct(const AnswerReader& answer);
  void Start(BenchConnection& connection, Time due, Time now);
  void OnIdle(BenchConnection& connection, Time now);
  void Reopen(BenchConnection& connection, Time now);
  void SendDue(Time now);
  void Tick(LoadListener& listener, Time now);
  void ExpireAndReopen(Time now);
  bool Finished(Time now);
  void Finish(Time now);

  const BenchTarget target_;
  net::TlsBuffers tls_buffers_;
  const std::string_view request_;
  const LoadOptions options_;
  const base::Clock& clock_;
  base::UniqueFd epoll_;
  std::vector<char> scratch_;
  std::vector<std::unique_ptr<BenchConnection>> connections_;
  std::vector<BenchConnection*> idle_;  // open loop: ready for the next request that is due
  std::optional<PoissonArrivals> arrivals_;
  Time begin_;    // of the measurement
  Time end_;      // no request is due from here on
  Time give_up_;  // when what is still open counts as unanswered
  Time last_;     // the last answer that was measured
  Time next_tick_;
  bool measuring_ = false;
  int busy_ = 0;
  uint64_t answers_ = 0;
  LatencyRecorder since_tick_;
  LoadResult result_;
};

}  // namespace slipway::app

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "app/bench/latency.h"

namespace slipway::app {

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

// The slowest answer of a window of time: a stall makes many answers slow, and one tells of it.
struct SlowAnswer {
  std::chrono::nanoseconds due{0};  // from the start of the measurement
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds send_delay{0};  // of it: what the client took to send it
};

// A piece of the measurement: what came back in it.
struct LoadMoment {
  std::chrono::nanoseconds begin{0};  // from the start of the measurement
  std::chrono::nanoseconds length{0};
  uint64_t answered = 0;
  uint64_t failed = 0;
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds max{0};
};

// How long a moment of a test of that length is: about thirty of them, of 100 ms at least.
std::chrono::nanoseconds MomentLength(std::chrono::nanoseconds duration);

// What a load test measured: all requests that were due or sent after the warm-up.
struct LoadResult {
  static constexpr size_t kSlowest = 100;
  static constexpr std::chrono::nanoseconds kSlowWindow = std::chrono::milliseconds(50);
  static constexpr size_t kMaxDistinct = 64;

  std::string name;         // of the target; "" for all of them together
  uint64_t requests = 0;    // answered or failed
  uint64_t answered = 0;    // of these, with success
  uint64_t rows = 0;        // in these
  uint64_t unsent = 0;      // open loop: due, but never sent, because all connections were busy
  uint64_t unanswered = 0;  // sent, but given up at the end of the test
  std::map<std::string, LoadError> errors = {};  // by kind: "status 503", "timeout", "connect: ..."
  LatencyRecorder latency = {};                  // of answers with success
  // Open loop: how long a request that was due, with a free place to send it, waited for the
  // client; and the latency without that part.
  LatencyRecorder send_delay = {};
  LatencyRecorder without_send_delay = {};
  LatencyRecorder error_latency = {};    // of answers that are errors, from when they were sent
  std::vector<SlowAnswer> slowest = {};  // kSlowest at most, the slowest first, one a window
  std::vector<LoadMoment> moments = {};  // empty for all targets together
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;  // bodies of answers
  std::chrono::nanoseconds elapsed{0};
  bool interrupted = false;
  std::vector<DistinctAnswer> distinct = {};
  uint64_t other_distinct = 0;  // answers beyond the number of distinct ones that are told apart

  uint64_t failed() const { return requests - answered; }
  double answered_per_second() const;
  double rows_per_second() const;
  void CountDistinct(const DistinctAnswer& answer);
  // Keeps `answer` if it is the slowest of its window, and that among the slowest.
  void AddSlow(const SlowAnswer& answer);
  // Counts, latencies, errors and the slowest of `other`, which ran beside this, as well; not its
  // moments and distinct answers.
  void Add(const LoadResult& other);
  // All of `later`, which ran after this.
  void Append(const LoadResult& later);
};

LoadResult AllTogether(std::span<const LoadResult> targets);

}  // namespace slipway::app

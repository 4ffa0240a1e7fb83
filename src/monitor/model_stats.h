#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "monitor/histogram.h"

namespace slipway::monitor {

// Where the time of one request goes, in order.
enum class Phase : uint8_t {
  kReceive,  // first byte to whole request
  kQueue,    // waiting for the engine
  kInput,    // decoding into tensors
  kInfer,    // inside the engine
  kOutput,   // encoding the answer
  kSend,     // handing the answer to the socket
};
inline constexpr size_t kPhaseCount = 6;
std::string_view PhaseName(Phase phase);

// What carried the request: a closed set, because it is a metric label.
enum class Protocol : uint8_t { kRest, kGrpc };
inline constexpr size_t kProtocolCount = 2;
std::string_view ProtocolName(Protocol protocol);

// One finished request to a model version.
struct RequestSample {
  base::StatusCode code = base::StatusCode::kOk;
  Protocol protocol = Protocol::kRest;
  int64_t rows = 1;  // batch items
  std::chrono::nanoseconds total{0};
  std::array<std::chrono::nanoseconds, kPhaseCount> phases{};
  bool ran =
      true;  // false: the answer is another request's; it counts for no rows and no inference
};

// Counts and latencies of one model version.
//
// Record() and RecordExecution() are wait-free: each shard is written by one thread only (the IO
// thread of that index), so there is no shared cache line on the request path. Read() may run on
// any thread at any time and sums the shards; what it returns is consistent once requests rest.
class ModelStats {
 public:
  explicit ModelStats(size_t shards);

  // One request has been answered.
  void Record(size_t shard, const RequestSample& sample, base::SystemTime now);
  // The engine ran once, for `rows` batch items of one or more requests.
  void RecordExecution(size_t shard, int64_t rows, std::chrono::nanoseconds infer);
  // An answer was looked for among those that are known, which took so long: it was there, or it
  // was not and the model was to run.
  void RecordCacheHit(size_t shard, std::chrono::nanoseconds lookup);
  void RecordCacheMiss(size_t shard, std::chrono::nanoseconds lookup);
  // A request ended as an equal one did that ran at the same time.
  void RecordCacheShared(size_t shard);
  // A request was answered by another model instead.
  void RecordDiverted(size_t shard);
  // Requests that were accepted and have no answer yet.
  void AddInFlight(size_t shard, int64_t delta);

  struct Duration {
    uint64_t count = 0;
    uint64_t ns = 0;
  };
  struct BatchSize {
    uint64_t executions = 0;
    uint64_t infer_ns = 0;
  };
  struct Totals {
    std::array<std::array<uint64_t, 17>, kProtocolCount> requests{};  // [protocol][StatusCode]
    Duration success;                                                 // whole requests
    Duration fail;
    std::array<Duration, kPhaseCount> phases{};  // of successful requests
    uint64_t rows = 0;                           // batch items of successful requests that ran
    Duration cache_hit;                          // requests, and the time of looking
    Duration cache_miss;
    uint64_t cache_shared = 0;
    uint64_t diverted = 0;  // requests that another model answered
    // What Triton calls hits: requests that were answered without a run of their own.
    Duration CacheHits() const { return {cache_hit.count + cache_shared, cache_hit.ns}; }
    uint64_t executions = 0;
    std::map<int64_t, BatchSize> batch_sizes;  // rows of one execution
    Histogram::Counts latency;                 // whole requests, all codes
    Histogram::Counts queue;
    Histogram::Counts infer;
    int64_t in_flight = 0;
    base::SystemTime last_request{};
  };
  Totals Read() const;

 private:
  struct Shard;
  struct ShardDeleter {
    void operator()(Shard* shards) const;
  };
  std::vector<std::unique_ptr<Shard, ShardDeleter>> shards_;
};

}  // namespace slipway::monitor

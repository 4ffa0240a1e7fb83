#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

namespace slipway::monitor {

// Which requests are traced. A value.
struct TraceSettings {
  bool timestamps = false;
  uint64_t rate = 1000;        // one request of so many
  int64_t count = -1;          // so many traces more; -1: no end
  uint64_t log_frequency = 0;  // traces in one file; 0: all in one

  bool operator==(const TraceSettings&) const = default;
};

// A change of them. Each is left alone (nullopt), set, or taken back (a nullopt inside): what a
// model has then is what holds for all, and what holds for all is as at the start.
struct TraceChange {
  template <typename T>
  using Field = std::optional<std::optional<T>>;
  Field<bool> timestamps;
  Field<uint64_t> rate;
  Field<int64_t> count;
  Field<uint64_t> log_frequency;
};

// Writes when single requests passed where, as a JSON array in a file, in the form that Triton's
// trace_summary.py reads. A thread of its own writes, so that no request waits for a disk; when it
// cannot keep up, traces are dropped and counted. Thread-safe; while nothing is traced, asking
// costs one load. Source: Triton, "Trace", user guide.
class RequestTracer {
 public:
  // Without a `file` nothing can be traced.
  RequestTracer(std::string file, const TraceSettings& settings, base::Logger& log);
  // Writes what is left.
  ~RequestTracer();
  RequestTracer(const RequestTracer&) = delete;
  RequestTracer& operator=(const RequestTracer&) = delete;

  const std::string& file() const { return file_; }
  bool active() const { return active_.load(std::memory_order_relaxed); }
  // A request to `model` has been answered: the number of its trace, or 0 when it gets none.
  uint64_t Sample(std::string_view model);

  struct Event {
    std::string_view name;
    base::SteadyTime at;
  };
  struct Trace {
    uint64_t id = 0;  // from Sample()
    std::string_view model;
    int64_t version = 0;
    std::string_view request_id;
    std::string_view trace_id;  // of traceparent
    std::string_view code;
    std::span<const Event> events;
  };
  void Write(const Trace& trace);

  // What holds for a model, or for all when `model` is "".
  TraceSettings Settings(std::string_view model) const;
  // kFailedPrecondition without a file; kInvalidArgument: log_frequency of one model;
  // kResourceExhausted: more than 1,000 models with settings of their own. Then nothing changes.
  base::Status Change(std::string_view model, const TraceChange& change);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  // What a model has of its own.
  struct Own {
    std::optional<bool> timestamps;
    std::optional<uint64_t> rate;
    std::optional<int64_t> count;
    uint64_t seen = 0;  // requests
    bool empty() const { return !timestamps && !rate && !count; }
  };
  base::Status ChangeAll(const TraceChange& change);
  base::Status ChangeOne(std::string_view model, const TraceChange& change);
  TraceSettings With(const Own& own) const;
  void UpdateActive();
  void WriteLoop();

  const std::string file_;
  const TraceSettings at_start_;
  base::Logger& log_;
  std::atomic<bool> active_ = false;
  std::atomic<uint64_t> dropped_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  TraceSettings all_;
  std::map<std::string, Own, std::less<>> own_;  // by model
  uint64_t seen_ = 0;  // requests to models that have nothing of their own
  uint64_t last_id_ = 0;
  std::vector<std::string> pending_;
  size_t pending_bytes_ = 0;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread writer_;  // from the first trace on
};

}  // namespace slipway::monitor

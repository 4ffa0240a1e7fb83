#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench/arrivals.h"
#include "app/bench/result.h"
#include "app/bench/wire.h"
#include "base/clock.h"
#include "base/status.h"

namespace slipway::app {

// How a load test as a whole goes.
struct LoadOptions {
  uint64_t seed = 1;  // of the arrival times
  std::chrono::nanoseconds warmup = std::chrono::seconds(1);
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  // for one answer
  uint64_t max_requests = 0;      // end after as many measured answers; 0: no limit
  bool distinct_answers = false;  // count answers by their content
};

// One kind of load: what is sent, over what, and when. A value.
struct StreamPlan {
  std::string name;
  BenchServer server;
  BenchProtocol protocol = BenchProtocol::kRest;
  std::vector<WireRequest> requests;  // at least one; the first, or as a trace says
  int concurrency = 32;               // requests that may be waiting for their answers
  int outstanding = 1;                // of these, on one connection; 1 for HTTP/1.1
  ArrivalPlan arrivals = {};          // without: the closed loop
};

// Sends one kind of load over connections of its own and measures the answers, for a LoadGenerator
// that has the loop.
//
// Latency counts from the moment a request was due, so a slow server cannot hide by keeping
// requests from being sent (coordinated omission); in the closed loop a request is due when it is
// sent. A failed connection is opened again after 100 ms. The requests that were on it have failed,
// and so has each attempt to connect that is refused; an idle connection that the server closes
// costs nothing. Thread-compatible.
class LoadStream final : public WireEvents {
 public:
  using Time = base::SteadyTime;

  // What `setup` and `clock` refer to, and `plan`, must outlive it.
  LoadStream(const StreamPlan& plan, const LoadOptions& options, const WireSetup& setup,
             const base::Clock& clock);
  ~LoadStream() override;

  // Opens all connections. Requests are due from now on, and measured from `begin`; no request is
  // due from `end` on. kUnavailable, kResourceExhausted (descriptors).
  base::Status Start(Time now, Time begin, Time end, uint64_t seed);
  // When SendDue() has something to do; max() when there is no free slot or nothing will be due.
  Time next_due() const;
  void SendDue(Time now);
  // Gives up requests that take too long, and opens connections again; ten times a second.
  void Tick(Time now);
  // No request is due from `end` on after all.
  void EndAt(Time end) { end_ = std::min(end_, end); }
  // Nothing is to be sent or waited for.
  bool done() const;

  uint64_t answers() const { return answers_; }  // warm-up included
  const LoadResult& result() const { return result_; }
  // Latencies since this was last asked for, warm-up included.
  void TakeRecent(LatencyRecorder& into);
  LoadResult Finish(Time now);

  void OnConnected(WireConnection& connection) override;
  void OnAnswer(WireConnection& connection, size_t slot, const WireAnswer& answer) override;
  void OnRequestFailed(WireConnection& connection, size_t slot, std::string_view why) override;
  void OnClosed(WireConnection& connection, std::string_view failure) override;

 private:
  // A place for one request.
  struct Slot {
    Time due = Time::min();  // min(): free
    std::chrono::nanoseconds send_delay{0};
    const WireRequest* request = nullptr;
  };
  // A connection and what is on it.
  struct Lane {
    std::unique_ptr<WireConnection> wire;
    std::vector<Slot> slots;
    Time reopen_at;
    bool working = false;  // has been ready since it was opened
  };
  struct SlotId {
    size_t lane;
    size_t slot;
  };

  // A free place, and since when it is.
  struct IdleSlot {
    SlotId id;
    Time since;
  };

  void Send(SlotId id, Time due, std::chrono::nanoseconds send_delay, size_t request);
  // The slot is free again.
  void Reuse(SlotId id, Time now);
  void Release(Slot& slot);
  void RecordSuccess(const Slot& slot, const WireAnswer& answer, Time now);
  void RecordError(std::string_view kind, std::string_view first, Time due);
  void CountDistinct(const WireAnswer& answer);
  void CloseMoment(Time now);

  const StreamPlan& plan_;
  const LoadOptions& options_;
  const WireSetup setup_;
  const base::Clock& clock_;
  std::vector<Lane> lanes_;
  std::vector<IdleSlot> idle_;          // open loop: the one that has been free longest comes first
  std::unique_ptr<Arrivals> arrivals_;  // null: the closed loop
  Time begin_;
  Time end_;
  Time last_;  // the last answer that was measured
  int busy_ = 0;
  uint64_t answers_ = 0;
  LatencyRecorder recent_;
  LatencyRecorder moment_;
  uint64_t moment_failed_ = 0;
  Time moment_begin_;
  LoadResult result_;
};

}  // namespace slipway::app

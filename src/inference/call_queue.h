#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "inference/infer_call.h"

namespace slipway::inference {

// A call that waits in a queue lane.
struct QueuedCall {
  // Where a call comes from and goes back to.
  struct Origin {
    base::Executor* loop;              // OnDone() is posted here
    std::atomic<size_t>* outstanding;  // one less when the lane is done with the call
  };
  InferCall* call = nullptr;
  Origin origin{};
  base::SteadyTime arrived{};
  int64_t cost = 0;  // of running it, in nanoseconds of a thread
  int64_t turn = 0;  // filled in by CallQueue
};

// The calls that wait in a queue lane: in order of priority, then of turn, then of arrival.
//
// Turns give the clients that wait equal shares of the lane's time, in nanoseconds of a thread and
// not in calls: a client's calls have turns that lie as far apart as they cost, and its first one
// is the turn that is served now. So a client with many calls does not hold up one with few, and
// nobody pays for what it used while nobody else wanted it.
//
// Thread-compatible. Source: Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996, with the
// same weight for all.
class CallQueue {
 public:
  using Iterator = std::deque<QueuedCall>::iterator;

  // `fair`: InferCall::client tells clients apart; otherwise all are one.
  explicit CallQueue(bool fair) : fair_(fair) {}

  void Push(QueuedCall entry);
  // Takes out a call that will run. Returns the one behind it.
  Iterator Take(const Iterator& entry);
  // Takes out the last call, which will not run. There must be one.
  QueuedCall DropLast();
  // Takes out calls from the end, which will not run, until they have at least the rows of `call`;
  // only such that `call` would stand before. None and false when those have not as many.
  bool MakeRoom(const InferCall& call, std::vector<QueuedCall>& dropped);
  bool CanMakeRoom(const InferCall& call) const;
  // Rows of the calls that would be before `call`.
  int64_t RowsBefore(const InferCall& call) const;

  bool empty() const { return calls_.empty(); }
  size_t size() const { return calls_.size(); }
  Iterator begin() { return calls_.begin(); }
  Iterator end() { return calls_.end(); }
  const QueuedCall& front() const { return calls_.front(); }
  const QueuedCall& back() const { return calls_.back(); }

 private:
  uint64_t ClientOf(const InferCall& call) const { return fair_ ? call.client : 0; }
  int64_t TurnOf(const InferCall& call) const;
  void ForgetClients();

  const bool fair_;
  std::deque<QueuedCall> calls_;
  int64_t now_ = 0;                             // the latest turn that was served
  std::unordered_map<uint64_t, int64_t> next_;  // turn of a client's next call, if after now_
};

}  // namespace slipway::inference

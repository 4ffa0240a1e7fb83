#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "inference/infer_call.h"
#include "lifecycle/model.h"
#include "tensor/tensor.h"

namespace slipway::inference {

class SequenceCalls;

// A call that waits for its turn, and whom to tell: `owner->TakeTurn(call)` is posted to `loop`,
// then `outstanding` is one less.
struct SequenceWaiter {
  InferCall* call;
  SequenceCalls* owner;
  base::Executor* loop;
  std::atomic<size_t>* outstanding;
};

// One sequence of requests. Shared by the table and by the call that has the turn, because the
// table may be closed while that runs.
struct Sequence {
  std::string key;   // of its id, among the table's
  std::string name;  // of its id, for messages: 5, or 'five'

  // Of the call that has the turn.
  lifecycle::ModelHandle model;  // the version that it began with; null: it has not begun
  std::vector<tensor::Tensor> states;

  // Under the table's mutex.
  bool taken = true;  // a call has the turn
  std::deque<SequenceWaiter> waiting = {};
  base::SteadyTime last_used = {};
  std::list<std::shared_ptr<Sequence>>::iterator idle = {};  // its place, when it is not taken
};

// The sequences of one model, of all its versions: which there are, whose turn it is, and what each
// has as its state. A call that has the turn owns the sequence until it passes the turn on, so runs
// of one sequence never overlap, and come in the order of Enter().
//
//   Enter() -> the turn, or a place behind the one that has it -> (run) -> Pass()
//
// A sequence that no call has used for `idle_timeout` is forgotten: by Enter(), which never finds
// such a one, and by CollectIdle(), which gives back memory and versions.
//
// Thread-safe. One lock, held for a look-up.
class SequenceTable {
 public:
  struct Options {
    size_t max_sequences = 1000;
    std::chrono::nanoseconds idle_timeout = std::chrono::minutes(1);  // 0: none
    size_t max_waiting = 1024;  // calls of all sequences that wait for their turn
  };

  SequenceTable(const Options& options, base::Clock& clock) : clock_(clock), options_(options) {}

  // What a version that was loaded since says.
  void Configure(const Options& options);

  struct Entered {
    std::shared_ptr<Sequence> sequence;
    bool has_turn = false;  // or else it waits, and `outstanding` is one more
  };
  // Finds the sequence of `waiter.call`, or makes it where the call starts one. Errors:
  // kFailedPrecondition (there is none), kResourceExhausted (too many, or too many that wait).
  base::Result<Entered> Enter(const SequenceWaiter& waiter);
  // The turn is over: it is the next one's that waits. A sequence without a model is forgotten.
  void Pass(const std::shared_ptr<Sequence>& sequence);
  // `waiter.call`, which waits, is not to be told: its loop has ended. `outstanding` is one less
  // unless it has been told already.
  void Withdraw(const std::shared_ptr<Sequence>& sequence, const InferCall& call);

  // Forgets those that were idle for too long.
  void CollectIdle();
  // Forgets all that no call has the turn in.
  void DropIdle();
  // Forgets all.
  void Close();

  std::chrono::nanoseconds idle_timeout() const;
  // kFailedPrecondition, as Enter() says it.
  base::Status NotStarted(const InferCall& call, const std::string& name) const;

  struct Usage {
    uint64_t live = 0;     // sequences
    uint64_t evicted = 0;  // because they were idle
  };
  Usage usage() const;

 private:
  using Dropped = std::list<std::shared_ptr<Sequence>>;  // destroyed when no lock is held
  void TakeExpired(Dropped& dropped);
  bool Knows(const Sequence& sequence) const;
  void Forget(const Sequence& sequence);

  base::Clock& clock_;
  mutable std::mutex mutex_;  // guards everything below
  Options options_;
  std::unordered_map<std::string, std::shared_ptr<Sequence>> sequences_;
  std::list<std::shared_ptr<Sequence>> idle_;  // least recently used first
  size_t waiting_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace slipway::inference

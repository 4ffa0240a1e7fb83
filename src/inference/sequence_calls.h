#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "inference/sequence_table.h"

namespace slipway::inference {

// Runs the calls of models with state, each in its turn: adds the state of its sequence to its
// inputs, and what the state has become to the outputs that it wants; takes both away again when it
// has run. Belongs to a Dispatcher.
//
// - A call that starts a sequence runs on the version that it was sent to; those that follow run on
//   that version, which is kept for them, also when there is a newer one.
// - A run that fails changes nothing: the state is what it was, a sequence that was to start or end
//   has not. A run that succeeds counts, even if its answer reaches nobody.
// - Calls of different sequences run together where the lane lets rows do so.
//
// Thread-compatible: used on its loop's thread only.
class SequenceCalls {
 public:
  // Hands a call to its model's lane.
  using Run = std::function<void(InferCall& call, ModelRuntime& runtime)>;

  // `shard` is the loop's in statistics; `outstanding` counts the calls that other threads may
  // still touch. All outlive it.
  SequenceCalls(base::Executor& loop, base::Clock& clock, size_t shard,
                std::atomic<size_t>& outstanding, Run run)
      : loop_(loop),
        clock_(clock),
        shard_(shard),
        outstanding_(outstanding),
        run_(std::move(run)) {}

  // Takes a call of a model with state; `call.OnDone()` follows. It may fail as kInvalidArgument
  // (no id, more than one row, another version than the sequence has), kFailedPrecondition (the
  // sequence is not there, or its version takes other inputs), kResourceExhausted (too many), and
  // as calls of the lane do.
  void Submit(InferCall& call, ModelRuntime& runtime);
  // The loop has ended: no call of it is waited for or told any more.
  void Withdraw();
  // The run of a call that had its turn is over: keeps the state, and passes the turn on. On its
  // loop's thread, before its front end has the results.
  static void Land(InferCall& call);

 private:
  friend class SequenceTable;
  // A call of this loop that waited has its turn.
  void TakeTurn(InferCall& call);
  void Begin(InferCall& call);
  base::Status Prepare(InferCall& call) const;
  base::Status FollowVersion(InferCall& call, const Sequence& sequence) const;
  void Refuse(InferCall& call, base::Status status) const;

  base::Executor& loop_;
  base::Clock& clock_;
  const size_t shard_;
  std::atomic<size_t>& outstanding_;
  const Run run_;
  std::unordered_set<InferCall*> waiting_;  // calls of this loop
};

}  // namespace slipway::inference

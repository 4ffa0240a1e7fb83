#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "inference/cached_calls.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "inference/round_lane.h"
#include "inference/sequence_calls.h"
#include "lifecycle/snapshot_publisher.h"

namespace slipway::inference {

// Finds models and runs inference calls: the part of `inference` that an IO thread holds.
//
// Thread-compatible: one per event loop, used on its thread only. Does not own what it is given;
// the loop must have stopped running, or be the caller's thread, when it is destroyed.
class Dispatcher {
 public:
  // `loop` is the event loop's executor; `shard` its index, for statistics.
  Dispatcher(lifecycle::SnapshotPublisher& publisher, base::Executor& loop, base::Clock& clock,
             size_t shard);

  // The models that are ready now. Valid until the next call of snapshot() or Resolve().
  const lifecycle::Snapshot& snapshot() { return reader_.Get(); }

  // Finds a version of a model, the latest when `version` is nullopt, and stores it in `call`,
  // where it stays valid until the call is over. Submit() or give up the call before the next
  // Resolve(). kNotFound (unknown model or version; the message lists what is there).
  base::Status Resolve(std::string_view name, std::optional<int64_t> version, InferCall& call);

  // Whether the model takes a call now: kUnavailable (it keeps failing and is left alone for a
  // while), and what its lane would refuse anyway. Cheap, so ask before the request is decoded. A
  // model with a cache takes every call, because the answer may be known; what then has to run is
  // refused by Submit(); and where requests have priorities, which are known when they are decoded,
  // a queue is asked by Submit() alone. What a queue refuses goes to the model's overflow_model if
  // that takes it, unless the client has asked for a version: then `call` has another model, and
  // diverted_from.
  base::Status Admit(InferCall& call);

  // Runs the call in its model's lane, or answers it from its model's cache, or runs it when it is
  // its turn in its sequence. `call.OnDone()` follows, in the inline lane before this returns.
  // Everything the call's inputs view must stay until then. A call of a sequence may come back with
  // another version as its `model`: the one that the sequence began with.
  void Submit(InferCall& call);

  // Waits until no lane uses a call of this dispatcher any more. Answers that are posted to the
  // stopped loop meanwhile are lost, which is all right: so are its connections.
  void WaitIdle();

  // Counts the engine's run that the finished call accounts for, and its failure. Front ends call
  // it from OnDone(),
  // on the loop's thread.
  void RecordExecution(const InferCall& call);
  // Statistics of the model that `call` resolved to; this thread writes shard().
  monitor::ModelStats& stats(const InferCall& call);
  size_t shard() const { return shard_; }
  base::Clock& clock() const { return clock_; }

 private:
  bool Divert(InferCall& call, ModelRuntime& runtime);
  bool MayHavePriority(ModelRuntime& runtime);
  base::Status AdmitByBreaker(ModelRuntime& runtime) const;
  base::Status AdmitRun(const InferCall& call, ModelRuntime& runtime) const;
  void Run(InferCall& call, ModelRuntime& runtime);
  void RunIfAdmitted(InferCall& call, ModelRuntime& runtime);
  void Refuse(InferCall& call, base::Status status);
  void RunInline(InferCall& call, ModelRuntime& runtime);
  void Enqueue(InferCall& call, ModelRuntime& runtime);

  base::Executor& loop_;
  base::Clock& clock_;
  const size_t shard_;
  // Calls in queue lanes, or that wait for another's answer or for their turn.
  std::atomic<size_t> outstanding_ = 0;
  uint64_t admissions_ = 0;  // asked for
  RoundLane round_;
  CachedCalls cached_;
  SequenceCalls sequences_;
  lifecycle::SnapshotPublisher::Reader reader_;
};

}  // namespace slipway::inference

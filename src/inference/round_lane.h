#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "inference/batch_run.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "lifecycle/model.h"

namespace slipway::inference {

// Collects the calls that one round of an event loop brings and runs those of one model as one
// batch at its end: no timer, no thread, no call waits for one that has not come yet. Under load a
// round brings many calls; a single call runs as it would in the inline lane.
//
// Thread-compatible: belongs to a Dispatcher.
class RoundLane {
 public:
  // `loop` runs what is posted on its own thread once the events of the round have been served.
  RoundLane(base::Executor& loop, base::Clock& clock)
      : loop_(loop), clock_(clock), batch_({}, clock) {}

  // Takes a call for which BatchRun::Fits(); `call.OnDone()` follows at the end of the round.
  void Add(InferCall& call, ModelRuntime& runtime);

 private:
  struct Group {
    lifecycle::ModelHandle model;  // a swap may come before the round ends
    ModelRuntime* runtime = nullptr;
    std::vector<InferCall*> calls;  // that run together
    int64_t rows = 0;
  };

  Group& GroupFor(const InferCall& call, ModelRuntime& runtime);
  void EndRound();
  void Run(Group& group);

  base::Executor& loop_;
  base::Clock& clock_;
  BatchRun batch_;
  bool posted_ = false;
  size_t used_ = 0;  // of groups_, which keep their memory
  std::vector<Group> groups_;
  std::vector<Group> running_;
};

}  // namespace slipway::inference

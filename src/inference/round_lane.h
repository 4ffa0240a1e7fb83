#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/executor.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "lifecycle/model.h"

namespace slipway::inference {

// Collects the calls that one round of an event loop brings and runs those of one model as one
// batch at its end: no timer, no thread, no call waits for one that has not come yet. Under load a
// round brings many calls; a single call runs as it would in the inline lane.
//
// Thread-compatible: belongs to a Dispatcher. A batch never makes an answer worse: when it fails,
// its calls are run one by one, so that only the guilty one fails.
class RoundLane {
 public:
  // `loop` runs what is posted on its own thread once the events of the round have been served.
  RoundLane(base::Executor& loop, base::Clock& clock) : loop_(loop), clock_(clock) {}

  // Whether `call` can be laid behind others: every input there, of the model's dtype and fixed
  // dimensions, and all with `call.rows` rows.
  static bool Fits(const InferCall& call);
  // Takes a call that Fits(); `call.OnDone()` follows at the end of the round.
  void Add(InferCall& call, ModelRuntime& runtime);

 private:
  // Calls that may run together: of one model, for the same outputs.
  struct Group {
    lifecycle::ModelHandle model;  // a swap may come before the round ends
    ModelRuntime* runtime = nullptr;
    std::vector<InferCall*> calls;
    int64_t rows = 0;
  };

  Group& GroupFor(const InferCall& call, ModelRuntime& runtime);
  void EndRound();
  void Run(Group& group);
  // False when the calls must be run one by one.
  bool RunTogether(const Group& group);
  bool Divide(const Group& group, std::vector<tensor::Tensor> together);
  void RunAlone(InferCall& call, ModelRuntime& runtime);
  // Inputs of all calls of the group, one behind the other, in buffers_.
  bool Join(const Group& group);

  base::Executor& loop_;
  base::Clock& clock_;
  bool posted_ = false;
  size_t used_ = 0;  // of groups_, which keep their memory
  std::vector<Group> groups_;
  std::vector<Group> running_;
  std::vector<base::Buffer> buffers_;  // one per input
  std::vector<tensor::TensorView> inputs_;
};

}  // namespace slipway::inference

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "lifecycle/model.h"
#include "tensor/tensor.h"

namespace slipway::inference {

// Where an answer comes from.
enum class AnswerSource : uint8_t {
  kRun,     // the model ran for this call, or for a batch that it was part of
  kCache,   // it is that of an earlier equal call
  kShared,  // it is that of an equal call that ran at the same time
};
// What the answer's header says: "hit", "shared"; "" for kRun.
std::string_view CacheHeader(AnswerSource source);

struct Flight;    // response_cache.h
struct Sequence;  // sequence_table.h

// What a request says of the sequence that it belongs to. Views the request.
struct SequenceWish {
  uint64_t number = 0;         // its id, or
  std::string_view text = {};  // this; neither: none was given
  bool start = false;          // it begins with this request, anew if it runs
  bool end = false;            // it ends with it
};

// One inference request on its way through the server and back. Owned by the front end, which keeps
// and reuses it so that its vectors keep their memory. Thread-compatible: the front end's loop
// thread uses it, and while it waits in a queue lane the lane's thread alone.
class InferCall {
 public:
  virtual ~InferCall() = default;
  // The call is over: `status`, and if OK `results`, are filled in. Called exactly once per
  // Dispatcher::Submit(), on the loop's thread; possibly before Submit() returns.
  virtual void OnDone() = 0;

  // --- the request, filled in by the front end ---
  const lifecycle::LoadedModel* model = nullptr;  // set by Dispatcher::Resolve()
  std::vector<tensor::TensorView> inputs;         // in signature order; absent: left out
  std::vector<size_t> outputs;                    // positions in the signature's outputs
  int64_t rows = 1;                               // batch items, for statistics
  base::Deadline deadline;
  uint64_t priority = 0;  // 0: default; 1: highest
  uint64_t client = 0;    // who asks: calls of one client have the same number
  SequenceWish sequence;  // for models with state

  // --- the answer, filled in by the lane ---
  base::Status status;
  std::vector<tensor::Tensor> results;  // one per entry of `outputs`
  // Rows of the engine's run that this call accounts for; 0 when it was not run, or when another
  // call of the same batch accounts for them.
  int64_t executed_rows = 0;
  AnswerSource source = AnswerSource::kRun;
  std::string diverted_from;     // the model that was asked for, when another answers; else empty
  base::SteadyTime infer_begin;  // when the call left its queue, and when the engine was done
  base::SteadyTime infer_end;

  // Set by the front end when nobody waits for the answer any more: a lane may skip the work.
  std::atomic<bool> abandoned = false;

  // Forgets everything but the memory of its vectors.
  void Reset();

  // For lanes: the call is over, and so are those that wait for its answer; the next of its
  // sequence has its turn. Calls OnDone().
  void Finish() {
    if (flight_ != nullptr || turn_ != nullptr) Land();
    OnDone();
  }

 private:
  friend class CachedCalls;
  friend class Dispatcher;
  friend class QueueLane;
  friend class ResponseCache;
  friend class SequenceCalls;
  void Land();

  // Held while the call waits in a queue lane or for another, or runs in a sequence.
  lifecycle::ModelHandle keep_alive_;
  std::shared_ptr<Flight> flight_;  // that it leads or waits for, with a cache
  std::shared_ptr<Sequence> turn_;  // that it has the turn in, or waits for
  bool any_version_ = true;         // the latest was asked for
};

}  // namespace slipway::inference

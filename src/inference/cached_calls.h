#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/executor.h"
#include "inference/infer_call.h"
#include "inference/model_runtime.h"
#include "inference/response_cache.h"

namespace slipway::inference {

// Answers the calls of models that have a cache: from it, or with an equal call's run, or by having
// them run. Belongs to a Dispatcher.
//
// A key is the SHA-256 of everything that the answer's tensors follow from: dtype, shape and bytes
// of every input, and which outputs are wanted. A request's parameters are no part of it: none of
// them reaches a model, and how outputs are written (JSON, binary, classes) comes after the cache.
// So REST and gRPC share entries.
//
// Thread-compatible: used on its loop's thread only.
class CachedCalls {
 public:
  // Hands a call to its model's lane.
  using Run = std::function<void(InferCall& call, ModelRuntime& runtime)>;

  // `shard` is the loop's in statistics; `outstanding` counts the calls that other threads may
  // still touch. All outlive it.
  CachedCalls(base::Executor& loop, base::Clock& clock, size_t shard,
              std::atomic<size_t>& outstanding, Run run)
      : loop_(loop),
        clock_(clock),
        shard_(shard),
        outstanding_(outstanding),
        run_(std::move(run)) {}

  // Takes a call of a model with a cache; `call.OnDone()` follows.
  void Submit(InferCall& call, ModelRuntime& runtime);
  // The loop has ended: no call of it is waited for or told any more.
  void Withdraw();

 private:
  friend class ResponseCache;
  // What a call of this loop has waited for is there.
  void Land(InferCall& call, const ResponseCache::Landing& landing);
  void Answer(InferCall& call, const CachedAnswer& answer, AnswerSource source);

  ResponseCache::Key KeyOf(const InferCall& call);
  void Describe(const tensor::TensorView& input);
  void Append(const void* data, size_t size);

  base::Executor& loop_;
  base::Clock& clock_;
  const size_t shard_;
  std::atomic<size_t>& outstanding_;
  const Run run_;
  std::unordered_set<InferCall*> following_;  // calls of this loop that wait for others
  base::Sha256 sha256_;
  std::vector<std::byte> text_;  // that is to be digested next
};

}  // namespace slipway::inference

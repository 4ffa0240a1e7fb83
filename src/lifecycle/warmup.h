#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "lifecycle/source.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::lifecycle {

// One set of inputs to run before a model becomes ready.
struct WarmupCase {
  std::string name;
  std::vector<tensor::Tensor> inputs =
      {};  // in signature order; a default Tensor leaves the input out
  // Made up from the signature alone: the model may well refuse its values.
  bool synthetic = false;
};

// Where warm-up inputs come from. Thread-safe.
class WarmupSource {
 public:
  virtual ~WarmupSource() = default;
  // An empty list: this model is not warmed up.
  // Errors make the load fail.
  virtual base::Result<std::vector<WarmupCase>> Cases(const AvailableVersion& version,
                                                      const tensor::Signature& signature) const = 0;
};

// All zeros, then all ones, of batch 1: free dimensions are 1, strings are "" and "1", optional
// inputs are left out. No cases when an input would take more than 256 MiB.
class SyntheticWarmup final : public WarmupSource {
 public:
  base::Result<std::vector<WarmupCase>> Cases(const AvailableVersion& version,
                                              const tensor::Signature& signature) const override;
};

// Runs the engine on each case up to `runs` times, and stops early, at the end of a run, once
// `limit` has passed: the first run pays for lazy allocation, the others only for caches.
//
// Errors: what the engine says to a recorded case; to a synthetic one only kResourceExhausted,
// because a good model may well fail on made-up values (division by zero, an index out of range).
// When no synthetic case passes, `refusal` gets the engine's words and the warm-up counts as done.
base::Status WarmUp(engine::Engine& engine, const std::vector<WarmupCase>& cases, int runs,
                    std::chrono::nanoseconds limit, const base::Clock& clock,
                    base::Status& refusal);

}  // namespace slipway::lifecycle

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/request_regions.h"
#include "inference/infer_call.h"

namespace slipway::frontend::openinference {

// One output that the client wants, and how.
struct RequestedOutput {
  size_t index = 0;     // in the signature's outputs
  bool binary = false;  // behind the JSON instead of in it
  int64_t classes = 0;  // the classification extension's k; 0: the tensor itself
  int32_t shared = -1;  // in InferRequest::shared_outputs, where it goes; -1: into the answer
};

// What an infer request says beside its tensors. Reused; views the request's body.
struct InferRequest {
  std::string_view id;                   // "" when there is none
  std::vector<RequestedOutput> outputs;  // in the order of the answer
  bool strict = false;                   // what is not understood is an error, not a warning
  bool literal_not_finite = false;       // NaN and the infinities may be written into JSON
  uint64_t timeout_us = 0;               // 0: none
  uint64_t priority = 0;
  bool has_sequences = false;        // the model has a state: what is said of a sequence counts
  inference::SequenceWish sequence;  // with has_sequences
  RequestRegions regions;            // where tensors in shared memory are found
  std::vector<RegionSlice> shared_outputs;  // where outputs go that do not go into the answer
  std::string ignored;  // what was not understood, for people: "'foo', input 'x' parameter 'bar'"

  // Forgets everything but its memory.
  void Reset();
  // Adds to `ignored`; the list ends after about 500 bytes.
  void Ignore(std::string_view where, std::string_view name);
};

}  // namespace slipway::frontend::openinference

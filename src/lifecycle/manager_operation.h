#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "lifecycle/manager.h"

namespace slipway::lifecycle {

// One change to one model, from the wish to the answer. Private to the manager; only the control
// thread writes.
//
//   Enqueue -> StartNext -> Begin -> StartLoad per version -> LoadEnded per version -> Commit ->
//   Finish
struct Manager::Operation {
  enum class Kind : uint8_t {
    kLoad,    // by API or at start: looks at the source, fails when there is nothing to load
    kUnload,  // by API
    kApply,   // kWatch mode: brings the model to what `model` says
  };

  Kind kind = Kind::kLoad;
  LoadRequest request;      // the name, for all kinds
  SourceModel model;        // what the source has; kApply: given, kLoad: found
  std::set<int64_t> retry;  // kApply: versions to load although they failed with these files
  Done done;                // may be empty

  std::vector<int64_t> available;
  std::vector<int64_t> desired;
  std::vector<ModelId> replaceable;  // ready versions that go when this succeeds
  uint64_t replaceable_bytes = 0;
  uint64_t unloads_seen = 0;  // the manager's, when this began
  size_t pending = 0;         // loads that have not ended
  base::Status failure;       // of the first load that failed

  const std::string& name() const { return request.name; }
  bool forced() const { return request.config.has_value() || !request.files.empty(); }
};

}  // namespace slipway::lifecycle

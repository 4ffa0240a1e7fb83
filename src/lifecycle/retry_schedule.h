#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "lifecycle/model.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// Remembers which versions failed to load, so that they are tried again only when that may help:
// when their files or their configuration changed, or, after a failure that may pass by itself, a
// few times after a while. Decides nothing else; thread-compatible.
class RetrySchedule {
 public:
  struct Options {
    // How long after each failure the next attempt comes; after the last there is none.
    std::vector<std::chrono::nanoseconds> delays = {
        std::chrono::seconds(1), std::chrono::seconds(5), std::chrono::seconds(30)};
  };

  explicit RetrySchedule(Options options) : options_(std::move(options)) {}

  // May the same bytes load at another time? kUnavailable, kAborted, kResourceExhausted,
  // kDeadlineExceeded, kCancelled.
  static bool MayPass(base::StatusCode code);

  void Failed(const ModelId& id, const AvailableVersion& version, const base::Status& status,
              base::SteadyTime now);
  void Succeeded(const ModelId& id) { failures_.erase(id); }
  // Forgets the model's versions that are not in `available` (ascending).
  void Keep(const std::string& name, const std::vector<int64_t>& available);
  // Memory came back: what lacked it is due now.
  void MemoryFreed(base::SteadyTime now);

  // Did exactly this fail (SameVersion()), so that only a retry that is due may load it?
  bool Known(const ModelId& id, const AvailableVersion& version) const;
  // The versions that are due; each is returned once for each attempt.
  std::vector<ModelId> TakeDue(base::SteadyTime now);
  // Why it failed; OK when it did not.
  base::Status Reason(const ModelId& id) const;

 private:
  struct Failure {
    AvailableVersion version;
    base::Status status;
    size_t attempts = 0;
    std::optional<base::SteadyTime> due;
  };

  const Options options_;
  std::map<ModelId, Failure> failures_;
};

}  // namespace slipway::lifecycle
